#include "kernels/base/clock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

namespace assay {
namespace {

TEST(Clock, SystemClockNeverGoesBack) {
  const SystemClock clock;
  int64_t last = clock.now_ns();
  for (int i = 0; i < 1000; ++i) {
    const int64_t now = clock.now_ns();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(Clock, ManualClockMovesOnlyWhenTold) {
  ManualClock clock(100);
  EXPECT_EQ(clock.now_ns(), 100);
  EXPECT_EQ(clock.now_ns(), 100);
  clock.advance(50);
  EXPECT_EQ(clock.now_ns(), 150);
}

TEST(ProcessAge, GrowsNoFasterThanTheClock) {
  const SystemClock clock;
  const int64_t age_before = process_age_ns();
  const int64_t start = clock.now_ns();
  while (clock.now_ns() - start < 30'000'000) {
  }
  const int64_t age_after = process_age_ns();
  const int64_t elapsed = clock.now_ns() - start;
  ASSERT_GT(age_before, 0);
  // This test program is younger than an hour, and both clocks tick together (10 ms slack).
  EXPECT_LT(age_before, int64_t{3600} * 1'000'000'000);
  EXPECT_GE(age_after - age_before, 30'000'000 - 10'000'000);
  EXPECT_LE(age_after - age_before, elapsed + 10'000'000);
}

TEST(StopToken, WithoutDeadlineStopsOnlyOnRequest) {
  StopToken token;
  EXPECT_FALSE(token.requested());
  token.request();
  EXPECT_TRUE(token.requested());
}

TEST(StopToken, StopsAtItsDeadlineExactly) {
  ManualClock clock(1000);
  const StopToken token(&clock, 1500);
  clock.advance(499);
  EXPECT_FALSE(token.requested());
  clock.advance(1);
  EXPECT_TRUE(token.requested());
}

TEST(StopToken, FollowsADeadlineThatMoves) {
  const ManualClock clock(1000);
  std::atomic<int64_t> end{kNoDeadline};
  const std::function<int64_t()> deadline = [&] { return end.load(); };
  const StopToken token(&clock, &deadline, nullptr);
  EXPECT_FALSE(token.requested());
  end = 3000;
  EXPECT_FALSE(token.requested());
  EXPECT_DOUBLE_EQ(token.seconds_left(), 2e-6);
  end = 1001;
  EXPECT_FALSE(token.requested());
  end = 1000;
  EXPECT_TRUE(token.requested());
  end = 3000;
  EXPECT_TRUE(token.requested()) << "what it was asked for is left out already";
}

TEST(StopToken, NoDeadlineNeverPasses) {
  ManualClock clock(kNoDeadline);
  const StopToken token(&clock, kNoDeadline);
  EXPECT_FALSE(token.requested());
}

TEST(StopToken, FollowsItsAncestorsButNotItsChildren) {
  ManualClock clock;
  StopToken process;
  const StopToken sweep(&clock, 100, &process);
  StopToken trial(&clock, 50, &sweep);
  StopToken sibling(&sweep);

  trial.request();
  EXPECT_TRUE(trial.requested());
  EXPECT_FALSE(sweep.requested());
  EXPECT_FALSE(sibling.requested());

  clock.advance(100);
  EXPECT_TRUE(sweep.requested());
  EXPECT_TRUE(sibling.requested());
  EXPECT_FALSE(process.requested());
}

TEST(StopToken, RequestFromAnotherThreadIsSeen) {
  StopToken parent;
  const StopToken token(&parent);
  std::thread other([&parent] { parent.request(); });
  while (!token.requested()) std::this_thread::yield();
  other.join();
  EXPECT_TRUE(token.requested());
}

}  // namespace
}  // namespace assay
