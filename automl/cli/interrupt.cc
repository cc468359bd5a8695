#include "automl/cli/interrupt.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <string_view>

namespace assay::automl::cli {
namespace {

// Signals nearer to the first one than this are the same wish: timeout, npm and containers send
// theirs to a process and to its group, or pass on what the terminal sends as well.
constexpr int64_t kOneWishNs = 500'000'000;

std::atomic<int64_t> first_ns{0};  // 0: none yet
std::atomic<const char*> left_text{"what was recorded so far is kept"};
static_assert(std::atomic<int64_t>::is_always_lock_free);
static_assert(std::atomic<const char*>::is_always_lock_free);

void write_text(std::string_view text) {
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
}

// Calls nothing but what POSIX names as async-signal-safe.
extern "C" void on_interrupt(int) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const int64_t now_ns = int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  int64_t before_ns = 0;
  if (first_ns.compare_exchange_strong(before_ns, now_ns)) {
    stop_token().request();
    return;
  }
  if (now_ns - before_ns < kOneWishNs) return;
  const char* text = left_text.load();
  write_text("\nassay: left at once; ");
  write_text({text, std::strlen(text)});
  write_text("\n");
  _exit(130);
}

}  // namespace

StopToken& stop_token() {
  static StopToken token;
  return token;
}

void say_when_left(const char* text) { left_text = text; }

void install_handlers() {
  stop_token();
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  // A terminal that closes stops a run like Ctrl-C.
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction inherited {};
    if (sigaction(number, nullptr, &inherited) == 0 && inherited.sa_handler == SIG_IGN) continue;
    sigaction(number, &action, nullptr);
  }
}

}  // namespace assay::automl::cli
