#include "backends/xrt/worker/guard.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "backends/xrt/worker_protocol.h"

namespace assay::backends::xrt {
namespace {

constexpr int64_t kClosingMs = 3000;
// What was killed is gone at once, unless the system's driver holds it.
constexpr int64_t kDyingMs = 4000;
constexpr int64_t kLongestMs = 60'000;
constexpr int64_t kRetryMs = 10;

volatile sig_atomic_t g_told = 0;

void on_term(int) { g_told = 1; }
void on_child(int) {}

int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

// Closed by the engine, or by the end of it.
bool engine_is_gone() {
  pollfd end{kWorkerFile, 0, 0};
  return poll(&end, 1, 0) > 0;
}

// It stays a zombie until it is asked for, so that its number is nobody else's.
bool has_ended(pid_t worker) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(worker), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == worker;
}

class Guard {
 public:
  // Signals are blocked, but where it waits with `waiting`.
  Guard(pid_t worker, const sigset_t& waiting) : worker_(worker), waiting_(waiting) {}

  [[noreturn]] void watch() {
    while (!has_ended(worker_)) {
      const int64_t now = now_ms();
      if (now >= give_up_ms_) break;
      if (g_told != 0 || now >= kill_ms_) kill_all(now);
      pause(std::min({kLongestMs, kill_ms_ - now, give_up_ms_ - now}));
    }
    // Its device model, if it left one.
    kill(-worker_, SIGKILL);
    int status = 0;
    const bool reaped = waitpid(worker_, &status, WNOHANG) == worker_;
    reap_others();
    if (engine_is_gone()) remove_folder();
    end_like(reaped ? status : SIGKILL);
  }

 private:
  void kill_all(int64_t now) {
    kill(-worker_, SIGKILL);
    kill_ms_ = INT64_MAX;
    give_up_ms_ = std::min(give_up_ms_, now + kDyingMs);
    g_told = 0;
  }

  // Until a child changes, the engine goes, or `ms` are over.
  void pause(int64_t ms) {
    ms = std::max<int64_t>(ms, 0);
    const timespec time{ms / 1000, ms % 1000 * 1'000'000};
    pollfd end{kWorkerFile, 0, 0};
    if (ppoll(&end, gone_ ? 0 : 1, &time, &waiting_) > 0) {
      gone_ = true;
      kill_ms_ = std::min(kill_ms_, now_ms() + kClosingMs);
    }
  }

  // Those whose parent was the worker, and are this process's since.
  static void reap_others() {
    const int64_t end_ms = now_ms() + kDyingMs;
    while (now_ms() < end_ms) {
      const pid_t ended = waitpid(-1, nullptr, WNOHANG);
      if (ended < 0 && errno != EINTR) return;
      if (ended == 0) poll(nullptr, 0, kRetryMs);
    }
  }

  static void remove_folder() {
    std::error_code ignored;
    const std::filesystem::path folder = std::filesystem::current_path(ignored);
    if (!folder.filename().string().starts_with(kRunFolderPrefix)) return;
    std::filesystem::remove_all(folder, ignored);
  }

  [[noreturn]] static void end_like(int status) {
    if (WIFSIGNALED(status)) {
      const int number = WTERMSIG(status);
      // The worker has written a core file already, where that is wanted.
      const rlimit none{0, 0};
      setrlimit(RLIMIT_CORE, &none);
      signal(number, SIG_DFL);
      sigset_t own;
      sigemptyset(&own);
      sigaddset(&own, number);
      sigprocmask(SIG_UNBLOCK, &own, nullptr);
      raise(number);
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
  }

  pid_t worker_;
  sigset_t waiting_;
  bool gone_ = false;  // the engine
  int64_t kill_ms_ = INT64_MAX;
  int64_t give_up_ms_ = INT64_MAX;
};

}  // namespace

void become_guarded() {
  sigset_t watched;
  sigemptyset(&watched);
  sigaddset(&watched, SIGCHLD);
  sigaddset(&watched, SIGTERM);
  sigset_t before;
  sigprocmask(SIG_BLOCK, &watched, &before);
  const pid_t guard = getpid();
  // Children of a worker that has ended are the guard's.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  const pid_t worker = fork();
  if (worker < 0) {
    std::perror("assay-device-worker cannot be divided");
    _exit(1);
  }
  if (worker == 0) {
    // Of one thread, the guard: what the signal is tied to is there as long as its process is.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != guard) _exit(1);
    setpgid(0, 0);
    signal(SIGCHLD, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before, nullptr);
    return;
  }
  setpgid(worker, worker);
  struct sigaction action {};
  action.sa_handler = on_child;
  sigaction(SIGCHLD, &action, nullptr);
  action.sa_handler = on_term;
  sigaction(SIGTERM, &action, nullptr);
  Guard(worker, before).watch();
}

}  // namespace assay::backends::xrt
