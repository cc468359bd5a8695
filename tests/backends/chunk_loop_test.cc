#include "backends/cpu/chunk_loop.h"

#include <gtest/gtest.h>

#include <atomic>

#include "backends/cpu/thread_pool.h"

namespace assay::backends::cpu {
namespace {

TEST(ChunkLoop, RunsEverythingWithoutAStop) {
  ThreadPool executor(2);
  std::atomic<int64_t> sum{0};
  StopToken quiet;
  EXPECT_TRUE(for_chunks({nullptr, &executor, &quiet}, 10, [&](int64_t chunk, int) {
                sum += chunk;
              }).has_value());
  EXPECT_TRUE(for_chunks({nullptr, &executor, nullptr}, 10, [&](int64_t chunk, int) {
                sum += chunk;
              }).has_value());
  EXPECT_EQ(sum, 90);
}

TEST(ChunkLoop, StopLeavesOutWhatIsNotBegun) {
  SerialExecutor executor;
  StopToken stop;
  int ran = 0;
  const Status status = for_chunks({nullptr, &executor, &stop}, 100, [&](int64_t chunk, int) {
    ++ran;
    if (chunk == 4) stop.request();
  });
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, StatusCode::kCancelled);
  EXPECT_EQ(ran, 5);
}

TEST(ChunkLoop, DeadlineOfAClockStops) {
  SerialExecutor executor;
  ManualClock clock;
  StopToken stop(&clock, 30);
  int ran = 0;
  const Status status = for_chunks({nullptr, &executor, &stop}, 100, [&](int64_t, int) {
    ++ran;
    clock.advance(10);
  });
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(ran, 3);
}

}  // namespace
}  // namespace assay::backends::cpu
