#include "automl/learners/step_pace.h"

#include <gtest/gtest.h>

#include "tests/automl/learner_fixture.h"

namespace assay::automl {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

const Learner& network() { return *must(find_learner("mlp")); }

// A millisecond goes by whenever it is looked at.
class TickingClock final : public Clock {
 public:
  int64_t now_ns() const override { return now_ns_ += kSecond / 1000; }

 private:
  mutable int64_t now_ns_ = 0;
};

TEST(StepPace, IsThatOfThePlanWithoutADeadline) {
  EXPECT_EQ(StepPace(100, nullptr).steps_left(0, 0), 100);
  const StopToken stop;
  const StepPace pace(100, &stop);
  EXPECT_EQ(pace.steps_left(30, 5), 70);
  EXPECT_EQ(pace.steps_left(100, 5), 0);
  EXPECT_EQ(pace.steps_left(101, 5), 0);
  EXPECT_EQ(pace.seconds(), 0);
}

TEST(StepPace, CountsTheStepsThatThereIsTimeFor) {
  ManualClock clock;
  const StopToken stop(&clock, 10 * kSecond);
  const StepPace pace(1000, &stop);
  EXPECT_EQ(pace.steps_left(0, 0), 1000) << "nothing is known of a step yet";
  clock.advance(kSecond);
  EXPECT_DOUBLE_EQ(pace.seconds(), 1);
  // A tenth of a second each; of 9 seconds a little is kept.
  const double left = pace.steps_left(10, 0);
  EXPECT_LT(left, 90);
  EXPECT_GT(left, 80);
  EXPECT_EQ(left, std::floor(left));
  EXPECT_EQ(pace.steps_left(10, 2), left - 20) << "two seconds are for what comes after";
  EXPECT_EQ(pace.steps_left(995, 0), 5) << "no more than were planned";
  EXPECT_EQ(pace.steps_left(10, 100), 0);
  clock.advance(20 * kSecond);
  EXPECT_EQ(pace.steps_left(10, 0), 0);
}

TEST(StepPace, OfADeadlineThatMovesOutOfSightIsThatOfThePlan) {
  ManualClock clock;
  int64_t deadline = 10 * kSecond;
  const std::function<int64_t()> moving = [&] { return deadline; };
  const StopToken stop(&clock, &moving, nullptr);
  const StepPace pace(1000, &stop);
  clock.advance(kSecond);
  EXPECT_LT(pace.steps_left(10, 0), 100);
  deadline = kNoDeadline;
  EXPECT_EQ(pace.steps_left(10, 0), 990);
}

TEST(StepPace, ReadsTheClockOfAParentsDeadline) {
  ManualClock clock;
  const StopToken parent(&clock, 2 * kSecond);
  const ManualClock unused;
  const StopToken stop(&unused, kNoDeadline, &parent);
  const StepPace pace(1000, &stop);
  clock.advance(kSecond);
  EXPECT_NEAR(pace.steps_left(100, 0), 92, 1);
}

TEST(Pace, ANetworkWithLittleTimeEndsItsScheduleInTime) {
  const auto problem = friedman(Task::kBinary, 1200);
  Cpu cpu(1);
  FitRequest request = problem->request({{"epochs", int64_t{1000}}, {"patience", int64_t{0}}});
  const TickingClock clock;
  const StopToken stop(&clock, 20 * kSecond);
  cpu.context.stop = &stop;
  StopAfter observer(1'000'000);
  request.observer = &observer;
  const FitResult fit = must(network().fit(request, cpu.context));
  EXPECT_TRUE(fit.truncated) << "it is not the fit that was asked for";
  EXPECT_FALSE(stop.requested());
  EXPECT_GT(fit.iterations, 5);
  EXPECT_LT(fit.iterations, 500);
  ASSERT_EQ(observer.seen.size(), static_cast<size_t>(fit.iterations));
  EXPECT_EQ(observer.seen.back().total, fit.iterations)
      << "the last epoch was known to be the last";

  // The same epochs at rates that hardly fall.
  cpu.context.stop = nullptr;
  StopAfter cut(fit.iterations);
  request.observer = &cut;
  const FitResult unfinished = must(network().fit(request, cpu.context));
  EXPECT_EQ(unfinished.iterations, fit.iterations);
  EXPECT_LT(fit.valid_loss, unfinished.valid_loss);
}

TEST(Pace, AFitWithTimeIsTheOneThatWasAskedFor) {
  const auto problem = friedman(Task::kBinary, 400);
  Cpu cpu(1);
  FitRequest request = problem->request({{"epochs", int64_t{4}}, {"patience", int64_t{0}}});
  const FitResult free = must(network().fit(request, cpu.context));
  const TickingClock clock;
  const StopToken stop(&clock, 10'000 * kSecond);
  cpu.context.stop = &stop;
  const FitResult fit = must(network().fit(request, cpu.context));
  EXPECT_FALSE(fit.truncated);
  EXPECT_EQ(fit.iterations, 4);
  EXPECT_EQ(fit.valid_loss, free.valid_loss);
}

TEST(Pace, APartOfAnEpochIsASchedule) {
  const auto problem = friedman(Task::kRegression, 20'000);
  Cpu cpu(1);
  const TickingClock clock;
  const StopToken stop(&clock, 8 * kSecond);
  cpu.context.stop = &stop;
  const FitResult fit = must(network().fit(problem->request(), cpu.context));
  EXPECT_TRUE(fit.truncated);
  EXPECT_FALSE(stop.requested());
  EXPECT_EQ(fit.iterations, 1);
  EXPECT_EQ(fit.best_iteration, 1);
  EXPECT_LT(fit.valid_loss, 0.3) << "half the squared error of the mean is 0.5";
}

}  // namespace
}  // namespace assay::automl
