#include <gtest/gtest.h>

#include "automl/scheduler/admission.h"
#include "automl/scheduler/budget.h"
#include "automl/scheduler/slots.h"

namespace assay::automl {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

TEST(Budget, CountsFromProcessStart) {
  ManualClock clock(100 * kSecondNs);
  const Budget budget(clock, 98 * kSecondNs, {.seconds = 30});
  EXPECT_TRUE(budget.timed());
  EXPECT_DOUBLE_EQ(budget.elapsed_seconds(), 2);
  EXPECT_DOUBLE_EQ(budget.seconds_left(), 28);
  EXPECT_NEAR(static_cast<double>(budget.read_deadline_ns()) * 1e-9,
              98 + 0.85 * 30 - budget.reserve_seconds(), 1e-6);
  EXPECT_NEAR(budget.limit_for(0.85 * 30 - budget.reserve_seconds()), 30, 1e-9);
  EXPECT_LE(budget.deadline_ns(), 128 * kSecondNs);
}

TEST(Budget, KeepsItsDeadlinesInOrder) {
  ManualClock clock;
  for (const double seconds : {0.5, 2.0, 30.0, 3600.0}) {
    Budget budget(clock, 0, {.seconds = seconds});
    budget.observe_save(0.005 * seconds, 1000);
    budget.expect_tail(int64_t{1} << 20, 0.02 * seconds);
    EXPECT_GT(budget.read_deadline_ns(), static_cast<int64_t>(0.4e9 * seconds));
    EXPECT_LT(budget.read_deadline_ns(), budget.fit_deadline_ns());
    EXPECT_LT(budget.fit_deadline_ns(), budget.seal_ns());
    EXPECT_LT(budget.seal_ns(), budget.select_deadline_ns());
    EXPECT_LT(budget.select_deadline_ns(), budget.deadline_ns());
    EXPECT_LT(budget.select_deadline_ns(), budget.publish_deadline_ns());
    EXPECT_LT(budget.publish_deadline_ns(), budget.deadline_ns());
    EXPECT_GE(static_cast<double>(budget.deadline_ns() - budget.select_deadline_ns()) * 1e-9,
              budget.save_seconds(int64_t{1} << 20) - 1e-9);
  }
}

TEST(Budget, ReservesMoreForASlowDiskAndALargeModel) {
  ManualClock clock;
  Budget budget(clock, 0, {.seconds = 60});
  const double plain = budget.reserve_seconds();
  EXPECT_LT(plain, 1);
  budget.observe_save(2, 1000);
  const double slow = budget.reserve_seconds();
  EXPECT_GT(slow, plain + 5) << "saving is counted three times";
  budget.expect_tail(500'000'000, 0);
  EXPECT_GT(budget.reserve_seconds(), slow + 4);
}

TEST(Budget, KeepsTimeForSelectionOnASlowDisk) {
  ManualClock clock;
  for (const double latency : {0.0, 0.15, 0.5, 3.0}) {
    Budget budget(clock, 0, {.seconds = 4});
    budget.observe_save(latency, 1000);
    EXPECT_LE(budget.reserve_seconds(), 1.2 + 1e-9) << latency;
    EXPECT_GE(budget.seal_ns() - budget.fit_deadline_ns(), 50'000'000) << latency;
    EXPECT_GE(budget.select_deadline_ns() - budget.seal_ns(), 20'000'000) << latency;
  }
}

TEST(Budget, AffordsModelsByWhatIsLeft) {
  ManualClock clock;
  Budget budget(clock, 0, {.seconds = 10});
  EXPECT_NEAR(static_cast<double>(budget.affordable_bytes()), 1004e6, 1e6)
      << "10 s and 0.1 s of tolerance, less three latencies of 20 ms, at 100 MB/s";
  clock.advance(10 * kSecondNs);
  EXPECT_EQ(budget.affordable_bytes(), 5'000'000) << "what 50 ms save goes always";
  EXPECT_EQ(Budget(clock, 0, {.seconds = {}, .trials = 5}).affordable_bytes(), INT64_MAX);
}

TEST(Budget, HasNoDeadlineWithoutATimeLimit) {
  ManualClock clock;
  const Budget budget(clock, 0, {.seconds = {}, .trials = 5});
  EXPECT_TRUE(budget.logical());
  for (const int64_t ns :
       {budget.deadline_ns(), budget.read_deadline_ns(), budget.fit_deadline_ns(), budget.seal_ns(),
        budget.select_deadline_ns(), budget.publish_deadline_ns()}) {
    EXPECT_EQ(ns, kNoDeadline);
  }
}

TEST(Budget, KeepsNoMoreForARefitThanLeavesFitsUnderWayAWhile) {
  ManualClock clock(0);
  Budget budget(clock, 0, {.seconds = 60});
  clock.advance(40 * int64_t{1'000'000'000});
  const double room = budget.refit_room();
  EXPECT_GT(room, 15);
  EXPECT_LT(room, 20);
  budget.expect_refit(room);
  EXPECT_GT(budget.fit_deadline_ns(), clock.now_ns());
  EXPECT_DOUBLE_EQ(budget.refit_room(), room) << "whatever is kept already";
  clock.advance(10 * int64_t{1'000'000'000});
  EXPECT_DOUBLE_EQ(budget.refit_room(), room) << "nor is it taken back";
  budget.expect_refit(0);
  EXPECT_LT(budget.refit_room(), 10);
  EXPECT_EQ(Budget(clock, 0, BudgetLimits{}).refit_room(), 0) << "without a limit of time";
}

TEST(Slots, NeverOversubscribe) {
  for (int threads = 1; threads <= 70; ++threads) {
    for (const int64_t wanted : {0, 1, 3, 100}) {
      for (const int64_t cells : {int64_t{100}, int64_t{30'000'000}, int64_t{1} << 40}) {
        const SlotPlan plan = plan_slots({threads, wanted, cells, 0, 0});
        EXPECT_GE(plan.slots, 1);
        EXPECT_GE(plan.threads_per_slot, 1);
        EXPECT_LE(plan.slots * plan.threads_per_slot, threads);
      }
    }
  }
}

TEST(Slots, AreManyForSmallDataAndFewForLarge) {
  EXPECT_EQ(plan_slots({8, 0, 1000, 0, 0}).slots, 8);
  const SlotPlan large = plan_slots({8, 0, 100'000'000, 0, 0});
  EXPECT_EQ(large.slots, 1);
  EXPECT_EQ(large.threads_per_slot, 8);
  EXPECT_EQ(plan_slots({8, 0, 8'000'000, 0, 0}).threads_per_slot, 2);
  EXPECT_EQ(plan_slots({8, 4, 100'000'000, 0, 0}).slots, 4) << "as the user says";
}

TEST(Slots, AreAsManyAsMemoryHolds) {
  EXPECT_EQ(plan_slots({8, 0, 1000, 1000, 400}).slots, 2);
  EXPECT_EQ(plan_slots({8, 0, 1000, 1000, 400}).without_memory_limit, 8);
  EXPECT_EQ(plan_slots({8, 3, 1000, 1000, 400}).without_memory_limit, 3) << "as the user says";
  EXPECT_EQ(plan_slots({8, 0, 1000, 1000, 4000}).slots, 1);
}

TEST(Admission, CountsWhatRuns) {
  Admission admission(1000, 400);
  EXPECT_TRUE(admission.can_ever_fit(600));
  EXPECT_FALSE(admission.can_ever_fit(601));
  admission.start(300);
  EXPECT_TRUE(admission.fits_now(300));
  EXPECT_FALSE(admission.fits_now(301));
  admission.end(300);
  EXPECT_TRUE(admission.fits_now(600));
}

}  // namespace
}  // namespace assay::automl
