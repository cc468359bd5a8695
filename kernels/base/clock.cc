#include "kernels/base/clock.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>

namespace assay {
namespace {

int64_t read_clock_ns(clockid_t id) {
  timespec t{};
  clock_gettime(id, &t);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

}  // namespace

int64_t SystemClock::now_ns() const { return read_clock_ns(CLOCK_MONOTONIC); }

int64_t BootClock::now_ns() const { return read_clock_ns(CLOCK_BOOTTIME); }

int64_t process_age_ns() {
  char buffer[1024];
  const int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t size = read(fd, buffer, sizeof buffer);
  close(fd);
  if (size <= 0) return 0;
  std::string_view text(buffer, static_cast<size_t>(size));
  // Field 22 (start time in ticks since boot), counted from behind the parenthesised name, which
  // is field 2 and may itself hold spaces and parentheses.
  const size_t paren = text.rfind(')');
  if (paren == std::string_view::npos) return 0;
  text.remove_prefix(paren + 1);
  for (int field = 3; field <= 22; ++field) {
    const size_t space = text.find(' ');
    if (space == std::string_view::npos) return 0;
    text.remove_prefix(space + 1);
  }
  int64_t ticks = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), ticks).ec != std::errc()) return 0;
  const int64_t ticks_per_second = sysconf(_SC_CLK_TCK);
  const int64_t started_ns = ticks * (1'000'000'000 / ticks_per_second);
  return std::max<int64_t>(0, read_clock_ns(CLOCK_BOOTTIME) - started_ns);
}

}  // namespace assay
