#include "tracking/idle_time.h"

#include <gtest/gtest.h>

namespace assay::tracking {
namespace {

TEST(IdleTime, PausesTakeAShareOfAProcessorWithinBounds) {
  EXPECT_EQ(pause_after_ns(0), 5'000'000);
  EXPECT_EQ(pause_after_ns(1'000'000), 65'000'000);
  EXPECT_EQ(pause_after_ns(int64_t{3600} * 1'000'000'000), 2'000'000'000);
}

TEST(IdleTime, CountsTheProcessorTimeOfThisThread) {
  const int64_t begin = thread_cpu_ns();
  volatile uint64_t sum = 0;
  while (thread_cpu_ns() < begin + 2'000'000) sum = sum + 1;
  EXPECT_GT(sum, 100U);
}

}  // namespace
}  // namespace assay::tracking
