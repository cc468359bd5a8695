#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <thread>

#include "kernels/base/executor.h"

namespace assay {
namespace {

TEST(CpuLimits, CountIsPositiveAndWithinTheMachine) {
  EXPECT_GE(usable_cpu_count(), 1);
  EXPECT_LE(usable_cpu_count(), sysconf(_SC_NPROCESSORS_CONF));
}

TEST(CpuLimits, FollowsTheAffinityMask) {
  // A thread of its own, so that the mask of the other tests stays as it is.
  int count = 0;
  bool pinned = false;
  std::thread narrow([&] {
    cpu_set_t mask;
    CPU_ZERO(&mask);
    if (sched_getaffinity(0, sizeof mask, &mask) != 0) return;
    int first = 0;
    while (first < CPU_SETSIZE && !CPU_ISSET(first, &mask)) ++first;
    CPU_ZERO(&mask);
    CPU_SET(first, &mask);
    pinned = sched_setaffinity(0, sizeof mask, &mask) == 0;
    count = usable_cpu_count();
  });
  narrow.join();
  if (!pinned) GTEST_SKIP() << "the affinity mask of a thread cannot be set here";
  EXPECT_EQ(count, 1);
}

TEST(MemoryLimits, BytesAreWithinPhysicalMemory) {
  const int64_t physical = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGE_SIZE);
  EXPECT_GT(usable_memory_bytes(), int64_t{16} << 20);
  EXPECT_LE(usable_memory_bytes(), physical);
}

}  // namespace
}  // namespace assay
