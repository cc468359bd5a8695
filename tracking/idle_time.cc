#include "tracking/idle_time.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>

namespace assay::tracking {

bool has_idle_processor() {
  // "0.20 0.18 0.12 1/80 11206": the fourth field is how many threads run or could, of how many.
  std::ifstream file("/proc/loadavg");
  std::string line;
  std::getline(file, line);
  int running = 0;
  int all = 0;
  if (std::sscanf(line.c_str(), "%*f %*f %*f %d/%d", &running, &all) != 2) return false;
  return running - 1 < ::sysconf(_SC_NPROCESSORS_ONLN);  // this thread is one of them
}

int64_t thread_cpu_ns() {
  timespec now{};
  if (::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) return 0;
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int64_t pause_after_ns(int64_t cpu_ns) {
  constexpr int64_t kShare = 65;  // 1.5 %
  return std::clamp(kShare * cpu_ns, int64_t{5'000'000}, int64_t{2'000'000'000});
}

}  // namespace assay::tracking
