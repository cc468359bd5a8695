// genericpciemodel: the program that XRT's software emulation starts as the device. It connects to
// the host's socket and answers until the host closes the device, goes away, or a kernel faults.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "backends/xrt/emulation/device_model.h"
#include "backends/xrt/emulation/fault_note.h"

namespace assay::backends::xrt::emulation {
namespace {

// The host listens a moment after it has started us.
constexpr int kConnectTries = 20'000;
constexpr std::chrono::milliseconds kConnectPause{1};

int connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return -1;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  for (int i = 0; i < kConnectTries; ++i) {
    const int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (file < 0) return -1;
    if (connect(file, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
      return file;
    }
    close(file);
    std::this_thread::sleep_for(kConnectPause);
  }
  return -1;
}

bool read_all(int file, std::byte* target, size_t bytes) {
  while (bytes > 0) {
    const ssize_t count = read(file, target, bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    target += count;
    bytes -= static_cast<size_t>(count);
  }
  return true;
}

bool write_all(int file, const std::vector<std::byte>& bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = send(file, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    done += static_cast<size_t>(count);
  }
  return true;
}

void serve(int file) {
  DeviceModel model;
  std::array<std::byte, kCallHeaderBytes> head;
  std::vector<std::byte> body;
  while (!model.closed()) {
    if (!read_all(file, head.data(), head.size())) return;
    const std::optional<CallHeader> header = read_call_header(head);
    if (!header) end_with_note("XRT sent what is no header of a call");
    body.resize(header->body_bytes);
    if (!read_all(file, body.data(), body.size())) return;
    const auto reply = model.answer(header->api, body);
    if (!reply) {
      end_with_note("XRT sent call " + std::to_string(header->api) +
                    ", which the device model does not know or cannot read");
    }
    if (!write_all(file, *reply)) return;
  }
}

}  // namespace
}  // namespace assay::backends::xrt::emulation

int main() {
  namespace emulation = assay::backends::xrt::emulation;
  // Without its host the device is nothing: whatever ends it ends us.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  emulation::note_faults();
  const char* user = std::getenv("USER");
  const char* socket_id = std::getenv("EMULATION_SOCKETID");
  if (socket_id == nullptr) {
    emulation::end_with_note(
        "genericpciemodel is started by XRT's software emulation, not by hand");
  }
  const std::string folder = user == nullptr ? "/tmp/" : std::string("/tmp/") + user + "/";
  const int file = emulation::connect_to(folder + socket_id);
  if (file < 0)
    emulation::end_with_note("the device model could not connect to " + folder + socket_id);
  emulation::serve(file);
  _exit(0);
}
