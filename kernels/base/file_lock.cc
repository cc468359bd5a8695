#include "kernels/base/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

namespace assay {

FileLock::FileLock(const std::string& path, double seconds) {
  using std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kLongestPause(20);
  fd_ = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  const auto end = steady_clock::now() + std::chrono::duration<double>(seconds);
  std::chrono::milliseconds pause(1);
  while (fd_ >= 0 && !held_) {
    held_ = ::flock(fd_, LOCK_EX | LOCK_NB) == 0;
    const bool busy = !held_ && (errno == EWOULDBLOCK || errno == EINTR);
    if (!busy || steady_clock::now() >= end) return;
    std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, kLongestPause);
  }
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace assay
