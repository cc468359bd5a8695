#include "automl/scheduler/trial.h"

#include <gtest/gtest.h>

#include <new>

#include "tests/automl/scheduler_fakes.h"

namespace assay::automl {
namespace {

using Script = FakeLearner::Script;

class TrialTest : public testing::Test {
 protected:
  TrialTest() {
    bench_.request.config.validation.folds = 4;
    auto set = TrainingSet::make(bench_.request.table, bench_.request.config,
                                 bench_.context(executor_, stop_));
    EXPECT_TRUE(set) << set.error().message;
    set_ = std::move(*set);
  }

  TrialOutcome run(const Learner& learner, const std::string& method = "kfold") {
    bench_.request.config.validation.method = method;
    EXPECT_TRUE(set_->plan(bench_.request.config, 0, std::nullopt));
    TrialJob job = job_;
    job.set = set_.get();
    job.learner = &learner;
    job.spec.learner = std::string(learner.name());
    job.spec.params = {{"bias", 0.25}};
    job.clock = &bench_.clock;
    return run_trial(job, bench_.context(executor_, stop_));
  }

  SweepBench bench_;
  TrialJob job_;
  SerialExecutor executor_;
  StopToken stop_;
  std::unique_ptr<TrainingSet> set_;
};

TEST_F(TrialTest, PredictsEachRowByTheModelThatHasNotSeenIt) {
  const FakeLearner learner("gbt");
  const TrialOutcome outcome = run(learner);
  ASSERT_EQ(outcome.result.status, TrialStatus::kFinished) << outcome.result.message;
  ASSERT_EQ(outcome.predictions->size(), 60u);
  const auto targets = set_->scored_targets().values;
  double total = 0;
  for (const double target : targets) total += target;
  double squares = 0;
  for (const Fold& fold : set_->folds()) {
    double sum = 0;
    for (const uint32_t place : fold.places) sum += targets[place];
    const double mean = (total - sum) / static_cast<double>(60 - fold.places.size()) + 0.25;
    for (const uint32_t place : fold.places) {
      EXPECT_NEAR((*outcome.predictions)[place], mean, 1e-6);
      squares += (targets[place] - mean) * (targets[place] - mean);
    }
  }
  EXPECT_NEAR(*outcome.score, std::sqrt(squares / 60), 1e-6);
  EXPECT_EQ(outcome.result.loss, outcome.score);
  EXPECT_EQ(outcome.folds.size(), 4u);
  EXPECT_EQ(outcome.model->kind(), "average");
}

TEST_F(TrialTest, MeetsRungsAfterTheFirstAndThirdFold) {
  std::vector<Rung> rungs;
  job_.on_rung = [&](const RungValue& value) {
    rungs.push_back(value.rung);
    return true;
  };
  const FakeLearner learner("gbt");
  EXPECT_EQ(run(learner).result.status, TrialStatus::kFinished);
  EXPECT_EQ(rungs, (std::vector<Rung>{{Rung::Ladder::kFolds, 1}, {Rung::Ladder::kFolds, 2}}));
}

TEST_F(TrialTest, EndsAtARungThatSaysNo) {
  job_.on_rung = [](const RungValue&) { return false; };
  const FakeLearner learner("gbt");
  const TrialOutcome outcome = run(learner);
  EXPECT_EQ(outcome.result.status, TrialStatus::kPruned);
  EXPECT_EQ(learner.fits(), 1);
  EXPECT_EQ(outcome.model, nullptr);
  EXPECT_FALSE(outcome.score);
}

TEST_F(TrialTest, AsksByRoundsInAHoldout) {
  std::vector<int> steps;
  job_.on_rung = [&](const RungValue& value) {
    EXPECT_EQ(value.rung.ladder, Rung::Ladder::kRounds);
    steps.push_back(value.rung.step);
    return value.rung.step < 2;
  };
  int64_t last = 0;
  const FakeLearner learner("gbt", [&](const FakeLearner::Call& call) {
    for (int64_t step = 1; step <= 90; ++step) {
      last = step;
      if (!call.request.observer->report({step, 90, 1.0 / static_cast<double>(step)})) {
        return Script{{}, false, true};
      }
    }
    return Script{};
  });
  const TrialOutcome outcome = run(learner, "holdout");
  EXPECT_EQ(outcome.result.status, TrialStatus::kPruned);
  EXPECT_EQ(steps, (std::vector<int>{1, 2}));
  EXPECT_EQ(last, 30);
  EXPECT_EQ(outcome.curve.size(), 30u);
}

TEST_F(TrialTest, SharesTheTimeLeftAmongItsFolds) {
  std::vector<double> stopped_at;
  job_.fit_deadline_ns = [] { return 100 * kSecond; };
  const FakeLearner learner("gbt", [&](const FakeLearner::Call& call) {
    while (!call.context.stop->requested()) bench_.clock.advance(kSecond / 10);
    stopped_at.push_back(static_cast<double>(bench_.clock.now_ns()) * 1e-9);
    return Script{{}, true};
  });
  const TrialOutcome outcome = run(learner);
  EXPECT_EQ(outcome.result.status, TrialStatus::kPartial);
  ASSERT_EQ(stopped_at.size(), 4u);
  EXPECT_NEAR(stopped_at[0], 0.85 * 25, 0.2) << "before anything is known of predicting";
  EXPECT_LT(stopped_at[3], 100);
  EXPECT_GT(stopped_at[3], 85);
  EXPECT_TRUE(outcome.score);
}

TEST_F(TrialTest, TurnsEveryFailureIntoAStatus) {
  const FakeLearner failing("gbt", [](const FakeLearner::Call&) -> Script {
    return {fail(StatusCode::kResourceExhausted, "too large")};
  });
  const TrialOutcome failed = run(failing);
  EXPECT_EQ(failed.result.status, TrialStatus::kFailed);
  EXPECT_EQ(failed.result.message, "resource_exhausted: too large");
  const FakeLearner cancelled("gbt", [](const FakeLearner::Call&) -> Script {
    return {fail(StatusCode::kCancelled, "no step made")};
  });
  EXPECT_EQ(run(cancelled).result.status, TrialStatus::kCancelled);
  const FakeLearner hungry("gbt",
                           [](const FakeLearner::Call&) -> Script { throw std::bad_alloc(); });
  EXPECT_EQ(run(hungry).result.message, "out of memory");
  const FakeLearner odd("gbt", [](const FakeLearner::Call&) -> Script { throw 7; });
  EXPECT_EQ(run(odd).result.status, TrialStatus::kFailed);
}

TEST_F(TrialTest, StopsBetweenFoldsWhenAsked) {
  const FakeLearner learner("gbt", [&](const FakeLearner::Call&) {
    stop_.request();
    return Script{};
  });
  const TrialOutcome outcome = run(learner);
  EXPECT_EQ(outcome.result.status, TrialStatus::kCancelled);
  EXPECT_EQ(outcome.result.message, "stopped after 1 of 4 folds");
}

TEST_F(TrialTest, CountsLogicalCostByFoldsFitted) {
  job_.logical = true;
  const FakeLearner learner("gbt");
  EXPECT_DOUBLE_EQ(run(learner).result.cost, 45.0 * 4);
  job_.on_rung = [](const RungValue&) { return false; };
  set_.reset();
  auto set = TrainingSet::make(bench_.request.table, bench_.request.config,
                               bench_.context(executor_, stop_));
  set_ = std::move(*set);
  EXPECT_DOUBLE_EQ(run(learner).result.cost, 45.0);
}

}  // namespace
}  // namespace assay::automl
