// assay-device-worker: the process that owns one XRT card for the engine that started it, and its
// guard. Requests come over file 3 (worker_protocol.h); without it the program has nothing to do.
// It ends when the engine closes its end.
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "backends/xrt/worker/card.h"
#include "backends/xrt/worker/guard.h"
#include "kernels/base/standard_files.h"

namespace assay::backends::xrt {
namespace {

// A request, and the file that came with it.
struct Received {
  std::unique_ptr<Request> request = std::make_unique<Request>();
  size_t bytes = 0;
  int file = -1;
};

// Nothing when the engine is gone.
std::optional<Received> receive() {
  Received received;
  iovec part{received.request.get(), sizeof(Request)};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t count = 0;
  do {
    count = recvmsg(kWorkerFile, &message, MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count <= 0) return std::nullopt;
  received.bytes = static_cast<size_t>(count);
  const cmsghdr* head = CMSG_FIRSTHDR(&message);
  if (head != nullptr && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
    std::memcpy(&received.file, CMSG_DATA(head), sizeof(int));
  }
  return received;
}

bool send_reply(const Reply& reply, bool with_card) {
  const size_t bytes = with_card ? sizeof(Reply) : kReplyHead;
  return send(kWorkerFile, &reply, bytes, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes);
}

size_t least_bytes(const Request& request) {
  switch (request.kind) {
    case RequestKind::kOpen:
      return kRequestHead + sizeof(OpenRequest);
    case RequestKind::kCreate:
      return kRequestHead + sizeof(CreateRequest);
    case RequestKind::kDestroy:
      return kRequestHead + sizeof(DestroyRequest);
    case RequestKind::kBatch:
      return kRequestHead + offsetof(BatchRequest, steps);
    case RequestKind::kClose:
      break;
  }
  return kRequestHead;
}

Status run_batch(Card& card, const Received& received) {
  const BatchRequest& batch = received.request->batch;
  const size_t room = received.bytes - kRequestHead - offsetof(BatchRequest, steps);
  if (batch.step_count > kMostSteps || batch.step_count * sizeof(Step) > room) {
    return fail(StatusCode::kInvalidArgument, "a batch of {} steps in {} bytes", batch.step_count,
                room);
  }
  return card.run({batch.steps, batch.step_count});
}

Status open_card(Card& card, OpenRequest& request, int file) {
  if (request.version != kProtocolVersion) {
    if (file >= 0) close(file);
    return fail(StatusCode::kInvalidArgument, "the worker speaks version {} and the engine {}",
                kProtocolVersion, request.version);
  }
  request.xclbin[sizeof(request.xclbin) - 1] = 0;
  return card.open(request, file);
}

Status answer(Card& card, Received& received) {
  Request& request = *received.request;
  if (received.bytes < kRequestHead || received.bytes < least_bytes(request)) {
    return fail(StatusCode::kInvalidArgument, "a request of {} bytes", received.bytes);
  }
  switch (request.kind) {
    case RequestKind::kOpen:
      return open_card(card, request.open, std::exchange(received.file, -1));
    case RequestKind::kCreate:
      return card.create(request.create);
    case RequestKind::kDestroy:
      return card.destroy(request.destroy.buffer);
    case RequestKind::kBatch:
      return run_batch(card, received);
    case RequestKind::kClose:
      return {};
  }
  return fail(StatusCode::kInvalidArgument, "a request of kind {}",
              static_cast<uint32_t>(request.kind));
}

ReplyCode code_of(StatusCode code) {
  switch (code) {
    case StatusCode::kInvalidArgument:
      return ReplyCode::kBadRequest;
    case StatusCode::kResourceExhausted:
      return ReplyCode::kNoMemory;
    default:
      return ReplyCode::kDevice;
  }
}

// Until the engine asks to close, or goes away.
void serve(Card& card) {
  while (std::optional<Received> received = receive()) {
    auto reply = std::make_unique<Reply>();
    reply->number = received->request->number;
    const Status status = answer(card, *received);
    if (received->file >= 0) close(received->file);
    if (!status) {
      reply->code = code_of(status.error().code);
      std::strncpy(reply->message, status.error().message.c_str(), sizeof(reply->message) - 1);
    }
    const RequestKind kind = received->request->kind;
    if (kind == RequestKind::kClose) return;
    reply->card = card.info();
    if (!send_reply(*reply, kind == RequestKind::kOpen)) return;
  }
}

}  // namespace
}  // namespace assay::backends::xrt

int main() {
  namespace worker = assay::backends::xrt;
  assay::open_standard_files();
  struct stat end {};
  if (fstat(worker::kWorkerFile, &end) != 0 || !S_ISSOCK(end.st_mode)) {
    std::fprintf(stderr, "assay-device-worker is started by assay, which gives it a socket\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  worker::become_guarded();
  {
    worker::Card card;
    worker::serve(card);
  }
  _exit(0);
}
