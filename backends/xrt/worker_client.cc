#include "backends/xrt/worker_client.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>

extern char** environ;

namespace assay::backends::xrt {
namespace {

constexpr double kDefaultTimeout = 300;
constexpr double kEndingSeconds = 5;
constexpr double kKilledSeconds = 5;
constexpr char kLogFile[] = "/worker.log";
constexpr char kNoteFile[] = "/note";

// That of the environment, or 300.
Result<double> timeout_of_environment() {
  constexpr char kVariable[] = "ASSAY_FPGA_TIMEOUT";
  constexpr double kLongest = 1e6;
  const char* text = std::getenv(kVariable);
  if (text == nullptr) return kDefaultTimeout;
  double seconds = 0;
  const char* end = text + std::strlen(text);
  const auto parsed = std::from_chars(text, end, seconds);
  if (parsed.ec == std::errc() && parsed.ptr == end && seconds > 0 && seconds <= kLongest) {
    return seconds;
  }
  return fail(StatusCode::kConfig, "{}={} (must be seconds > 0 and <= {})", kVariable, text,
              kLongest);
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return std::string((std::istreambuf_iterator<char>(file)), {});
}

// What XRT says of its own accord, which is no cause of anything.
bool is_chatter(std::string_view line) {
  constexpr std::string_view kWords[] = {"warning", "info", "debug", "notice"};
  std::string begin(line.substr(0, 40));
  std::transform(begin.begin(), begin.end(), begin.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::any_of(std::begin(kWords), std::end(kWords), [&](std::string_view word) {
    const size_t at = begin.find(word);
    return at != std::string::npos && begin.find_first_of(":]", at) == at + word.size();
  });
}

// The last line that says something, cut to what fits a message.
std::string last_line(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  constexpr size_t kMost = 300;
  while (!text.empty()) {
    const size_t end = text.find_last_not_of(kBlank);
    if (end == std::string_view::npos) break;
    text = text.substr(0, end + 1);
    const size_t begin = text.rfind('\n') + 1;  // of the first line too
    const std::string_view line = text.substr(begin);
    if (!is_chatter(line)) return std::string(line.substr(0, kMost));
    text = text.substr(0, begin);
  }
  return {};
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return fmt::format("it was ended by signal {}", WTERMSIG(status));
  if (WEXITSTATUS(status) == kModelGone) return "its emulated card is gone";
  return fmt::format("it ended with code {}", WEXITSTATUS(status));
}

int64_t now_ms() { return SystemClock().now_ns() / 1'000'000; }

// Waits for the process until a time; whether it has ended.
bool reap_until(pid_t process, int64_t end_ms, int& status) {
  for (int pause_ms = 1;; pause_ms = std::min(2 * pause_ms, 50)) {
    const pid_t ended = waitpid(process, &status, WNOHANG);
    if (ended == process || (ended < 0 && errno != EINTR)) return true;
    if (now_ms() >= end_ms) return false;
    poll(nullptr, 0, pause_ms);
  }
}

// posix_spawn's two objects, with an end.
struct SpawnPlan {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
};

}  // namespace

Result<std::unique_ptr<WorkerClient>> WorkerClient::start(const WorkerSpec& spec, int arena,
                                                          uint64_t arena_bytes) {
  if (spec.xclbin.size() >= sizeof(OpenRequest::xclbin)) {
    return fail(StatusCode::kDevice, "{}: the path of its xclbin has {} characters (at most {})",
                spec.device, spec.xclbin.size(), sizeof(OpenRequest::xclbin) - 1);
  }
  std::unique_ptr<WorkerClient> client(new WorkerClient(spec));
  if (spec.timeout_seconds <= 0) {
    ASSAY_ASSIGN_OR_RETURN(client->spec_.timeout_seconds, timeout_of_environment());
  }
  ASSAY_RETURN_IF_ERROR(client->spawn());
  Request request;
  request.kind = RequestKind::kOpen;
  request.open.card = spec.card;
  request.open.arena_bytes = arena_bytes;
  std::memcpy(request.open.xclbin, spec.xclbin.c_str(), spec.xclbin.size() + 1);
  ASSAY_ASSIGN_OR_RETURN(const auto reply,
                         client->ask(request, kRequestHead + sizeof(OpenRequest), arena));
  client->card_ = reply->card;
  return client;
}

WorkerClient::~WorkerClient() { end(true); }

bool WorkerClient::dead() {
  const std::lock_guard lock(mutex_);
  return !death_.empty();
}

std::vector<std::string> WorkerClient::environment() const {
  EnvironmentRules rules = spec_.environment;
  rules.set.emplace_back("ASSAY_FPGA_NOTE", run_folder() + kNoteFile);
  std::vector<std::string> own;
  for (char** at = environ; *at != nullptr; ++at) own.emplace_back(*at);
  return worker_environment(own, rules, run_folder());
}

Status WorkerClient::spawn() {
  auto folder = RunFolder::make();
  if (!folder) return fail_with(std::move(folder.error()), spec_.device);
  folder_ = std::move(*folder);
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail(StatusCode::kDevice, "{}: no socket for its worker: {}", spec_.device,
                std::strerror(errno));
  }
  socket_ = ends[0];
  SpawnPlan plan;
  const std::string log = run_folder() + kLogFile;
  posix_spawn_file_actions_adddup2(&plan.actions, ends[1], kWorkerFile);
  posix_spawn_file_actions_addopen(&plan.actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&plan.actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                   0600);
  posix_spawn_file_actions_adddup2(&plan.actions, 1, 2);
  posix_spawn_file_actions_addclosefrom_np(&plan.actions, kWorkerFile + 1);
  posix_spawn_file_actions_addchdir_np(&plan.actions, run_folder().c_str());
  // A session of its own: Ctrl-C in the terminal is for the engine, which then ends its worker.
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&plan.attributes, &none);
  posix_spawnattr_setflags(&plan.attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
  std::vector<std::string> environment = this->environment();
  std::vector<char*> environment_list;
  for (std::string& entry : environment) environment_list.push_back(entry.data());
  environment_list.push_back(nullptr);
  std::string program = spec_.program;
  char* arguments[] = {program.data(), nullptr};
  const int failed = posix_spawn(&process_, program.c_str(), &plan.actions, &plan.attributes,
                                 arguments, environment_list.data());
  close(ends[1]);
  if (failed != 0) {
    process_ = -1;
    return fail(StatusCode::kDevice, "{}: its worker {} cannot be started: {}", spec_.device,
                spec_.program, std::strerror(failed));
  }
  return {};
}

Result<uint64_t> WorkerClient::create(uint64_t offset, uint64_t bytes, int32_t group) {
  Request request;
  request.kind = RequestKind::kCreate;
  request.create = {0, offset, bytes, group, 0};
  {
    const std::lock_guard lock(mutex_);
    request.create.buffer = ++last_buffer_;
  }
  ASSAY_RETURN_IF_ERROR(ask(request, kRequestHead + sizeof(CreateRequest), -1));
  return request.create.buffer;
}

void WorkerClient::destroy(uint64_t buffer) {
  Request request;
  request.kind = RequestKind::kDestroy;
  request.destroy.buffer = buffer;
  (void)ask(request, kRequestHead + sizeof(DestroyRequest), -1);
}

Status WorkerClient::run(std::span<const Step> steps) {
  if (steps.size() > static_cast<size_t>(kMostSteps)) {
    return fail(StatusCode::kInvalidArgument, "{}: a batch of {} steps (at most {})", spec_.device,
                steps.size(), kMostSteps);
  }
  auto request = std::make_unique<Request>();
  request->kind = RequestKind::kBatch;
  request->batch.step_count = static_cast<uint32_t>(steps.size());
  request->batch.reserved = 0;
  std::copy(steps.begin(), steps.end(), request->batch.steps);
  const size_t bytes = kRequestHead + offsetof(BatchRequest, steps) + steps.size_bytes();
  ASSAY_RETURN_IF_ERROR(ask(*request, bytes, -1));
  return {};
}

Status WorkerClient::send_request(const Request& request, size_t bytes, int file) const {
  iovec part{const_cast<Request*>(&request), bytes};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (file >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(head), &file, sizeof(int));
  }
  ssize_t sent = 0;
  do {
    sent = sendmsg(socket_, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent == static_cast<ssize_t>(bytes)) return {};
  if (sent < 0 && errno != EPIPE && errno != ECONNRESET) {
    return fail(StatusCode::kDevice, "it takes no requests any more: {}", std::strerror(errno));
  }
  return fail(StatusCode::kDevice, "it died");
}

Status WorkerClient::await(Reply& reply) const {
  const double seconds = spec_.timeout_seconds;
  const int64_t end_ms = now_ms() + static_cast<int64_t>(std::ceil(seconds * 1000));
  while (true) {
    pollfd wanted{socket_, POLLIN, 0};
    const int64_t left_ms = end_ms - now_ms();
    if (left_ms <= 0) {
      return fail(StatusCode::kDevice, "it has not answered for {} seconds", seconds);
    }
    const int ready = poll(&wanted, 1, static_cast<int>(std::min<int64_t>(left_ms, 60'000)));
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    const ssize_t count = recv(socket_, &reply, sizeof(reply), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count >= static_cast<ssize_t>(kReplyHead)) return {};
    return fail(StatusCode::kDevice, "it died");
  }
}

Result<std::unique_ptr<Reply>> WorkerClient::ask(Request& request, size_t bytes, int file) {
  const std::lock_guard lock(mutex_);
  if (!death_.empty()) return fail(StatusCode::kDevice, "{}", death_);
  request.number = ++last_number_;
  auto reply = std::make_unique<Reply>();
  Status status = send_request(request, bytes, file);
  if (status) status = await(*reply);
  if (status && reply->number != request.number) {
    status = fail(StatusCode::kDevice, "it answered another request");
  }
  if (!status) return tl::unexpected<Error>(bury(std::move(status.error().message)));
  reply->message[sizeof(reply->message) - 1] = 0;
  switch (reply->code) {
    case ReplyCode::kOk:
      return reply;
    case ReplyCode::kBadRequest:
      return fail(StatusCode::kInvalidArgument, "{}: {}", spec_.device, reply->message);
    case ReplyCode::kNoMemory:
      return fail(StatusCode::kResourceExhausted, "{}: {}", spec_.device, reply->message);
    case ReplyCode::kDevice:
      break;
  }
  const std::string words = text_of(run_folder() + kNoteFile);
  return fail(StatusCode::kDevice, "{}: {}{}", spec_.device, reply->message,
              words.empty() ? "" : " (" + last_line(words) + ")");
}

// The device's note if there is one, else the end of the worker's log.
std::string WorkerClient::last_words() const {
  const std::string note = last_line(text_of(run_folder() + kNoteFile));
  return note.empty() ? last_line(text_of(run_folder() + kLogFile)) : note;
}

Error WorkerClient::bury(std::string reason) {
  int status = 0;
  // A worker that closed its socket is about to end; one that hangs is not.
  const bool died = reason.find("seconds") == std::string::npos;
  if (died && reap_until(process_, now_ms() + 1000, status)) {
    reason += ": " + how_it_ended(status);
    process_ = -1;
  }
  const std::string words = last_words();
  death_ = fmt::format("{}: its worker is gone: {}{}", spec_.device, reason,
                       words.empty() ? "" : " (" + words + ")");
  end(false);
  return {StatusCode::kDevice, death_};
}

bool WorkerClient::ends_within(double seconds) {
  int status = 0;
  return reap_until(process_, now_ms() + static_cast<int64_t>(seconds * 1000), status);
}

void WorkerClient::end(bool ask_first) {
  if (process_ > 0) {
    if (ask_first) {
      Request request;
      request.kind = RequestKind::kClose;
      (void)send_request(request, kRequestHead, -1);
    }
    if (!ask_first || !ends_within(kEndingSeconds)) {
      // The guard kills the others first. The system does if it is killed itself.
      kill(process_, SIGTERM);
      if (!ends_within(kKilledSeconds)) {
        kill(process_, SIGKILL);
        ends_within(kKilledSeconds);
      }
    }
    process_ = -1;
  }
  if (socket_ >= 0) close(std::exchange(socket_, -1));
  folder_.remove();
}

}  // namespace assay::backends::xrt
