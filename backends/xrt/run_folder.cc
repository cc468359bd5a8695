#include "backends/xrt/run_folder.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "backends/xrt/worker_protocol.h"

namespace assay::backends::xrt {
namespace {

namespace fs = std::filesystem;

// XRT's emulation puts its socket into /tmp/$USER, wherever other files go.
constexpr char kTop[] = "/tmp";
constexpr char kOwnerFile[] = "/owner";
constexpr int kMostTries = 100;
constexpr int kRetryMs = 10;
// A folder without the file is being made, or is of another version.
constexpr int64_t kUnownedSeconds = 3600;

int open_owner_file(const std::string& folder, int more_flags) {
  return open((folder + kOwnerFile).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | more_flags, 0600);
}

// Takes the lock of a folder that is nobody's: its file, or -1.
int lock_stale(const std::string& folder) {
  const int file = open_owner_file(folder, 0);
  if (file >= 0 && flock(file, LOCK_EX | LOCK_NB) != 0) {
    close(file);
    return -1;
  }
  return file;
}

bool is_old(const std::string& folder) {
  struct stat found {};
  return lstat(folder.c_str(), &found) == 0 &&
         found.st_mtim.tv_sec + kUnownedSeconds < time(nullptr);
}

bool is_own_folder(const std::string& path) {
  struct stat found {};
  return lstat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode) && found.st_uid == geteuid();
}

// Kills the processes whose working directory the folder is; whether there were any.
bool kill_inside(const std::string& folder) {
  bool any = false;
  std::error_code ignored;
  for (fs::directory_iterator at("/proc", ignored), end; at != end; at.increment(ignored)) {
    const std::string name = at->path().filename().string();
    pid_t process = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), process);
    if (parsed.ptr != name.data() + name.size() || process == getpid()) continue;
    std::error_code unreadable;
    if (fs::read_symlink(at->path() / "cwd", unreadable) != folder || unreadable) continue;
    any = kill(process, SIGKILL) == 0 || any;
    if (ignored) break;
  }
  return any;
}

void remove_stale(const std::string& folder) {
  if (!is_own_folder(folder)) return;
  const int lock = lock_stale(folder);
  if (lock < 0 && (errno != ENOENT || !is_old(folder))) return;
  for (int tries = 0; tries < kMostTries && kill_inside(folder); ++tries) {
    poll(nullptr, 0, kRetryMs);
  }
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  if (lock >= 0) close(lock);
}

void remove_all_stale() {
  std::error_code ignored;
  for (fs::directory_iterator at(kTop, ignored), end; at != end; at.increment(ignored)) {
    if (at->path().filename().string().starts_with(kRunFolderPrefix)) {
      remove_stale(at->path().string());
    }
    if (ignored) break;
  }
}

}  // namespace

Result<RunFolder> RunFolder::make() {
  remove_all_stale();
  for (int tries = 0; tries < kMostTries; ++tries) {
    RunFolder made;
    std::string path = fmt::format("{}/{}XXXXXX", kTop, kRunFolderPrefix);
    if (mkdtemp(path.data()) == nullptr) break;
    made.path_ = path;
    made.lock_ = open_owner_file(path, O_CREAT | O_EXCL);
    if (made.lock_ < 0) break;
    // Another process may have found the file before it was locked, and is removing the folder.
    struct stat file {};
    const bool locked = flock(made.lock_, LOCK_EX | LOCK_NB) == 0;
    if (!locked && errno != EWOULDBLOCK) break;
    if (locked && fstat(made.lock_, &file) == 0 && file.st_nlink > 0) return made;
  }
  return fail(StatusCode::kDevice, "no run folder can be made in {}: {}", kTop,
              std::strerror(errno));
}

void RunFolder::remove() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
  path_.clear();
  if (lock_ >= 0) close(lock_);
  lock_ = -1;
}

}  // namespace assay::backends::xrt
