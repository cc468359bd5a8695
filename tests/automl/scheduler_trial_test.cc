#include "automl/scheduler/trial.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <new>

#include "automl/models/average_model.h"
#include "automl/scheduler/fold_steps.h"
#include "kernels/base/rng.h"
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

TEST_F(TrialTest, MeetsRungsAfterEachFoldAndAfterTheFirstAndThirdTogether) {
  std::vector<Rung> rungs;
  job_.on_rung = [&](const RungValue& value) {
    rungs.push_back(value.rung);
    return true;
  };
  const FakeLearner learner("gbt");
  EXPECT_EQ(run(learner).result.status, TrialStatus::kFinished);
  using enum Rung::Ladder;
  EXPECT_EQ(rungs, (std::vector<Rung>{{kFolds, 1},
                                      {kSingleFold, 1},
                                      {kSingleFold, 2},
                                      {kFolds, 2},
                                      {kSingleFold, 3},
                                      {kSingleFold, 4}}));
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

// Each partition of the rows predicts every row once; what counts is the mean of them.
TEST_F(TrialTest, IsFittedOnOtherPartitionsIfItsRungSaysSo) {
  bench_.request.config.validation.repeats = 3;
  std::vector<Rung> asked;
  bool answer = true;
  job_.on_rung = [&](const RungValue& value) {
    if (value.rung.ladder != Rung::Ladder::kPartitions) return true;
    asked.push_back(value.rung);
    return answer;
  };
  const FakeLearner learner("gbt");
  const TrialOutcome outcome = run(learner);
  ASSERT_EQ(outcome.result.status, TrialStatus::kFinished) << outcome.result.message;
  EXPECT_EQ(asked, (std::vector<Rung>{{Rung::Ladder::kPartitions, 1}}));
  ASSERT_EQ(set_->partition_count(), 3u);
  EXPECT_EQ(outcome.folds.size(), 12u);
  EXPECT_EQ(learner.fits(), 12);
  const auto targets = set_->scored_targets().values;
  double total = 0;
  for (const double target : targets) total += target;
  std::vector<double> sums(60, 0.0);
  double scores = 0;
  for (size_t partition = 0; partition < 3; ++partition) {
    double squares = 0;
    for (size_t f = 4 * partition; f < 4 * partition + 4; ++f) {
      const Fold& fold = set_->all_folds()[f];
      double sum = 0;
      for (const uint32_t place : fold.places) sum += targets[place];
      const double mean = (total - sum) / static_cast<double>(60 - fold.places.size()) + 0.25;
      for (const uint32_t place : fold.places) {
        sums[place] += mean;
        squares += (targets[place] - mean) * (targets[place] - mean);
      }
    }
    scores += std::sqrt(squares / 60);
  }
  EXPECT_NEAR(*outcome.score, scores / 3, 1e-6) << "the mean of the partitions' scores";
  ASSERT_EQ(outcome.predictions->size(), 60u);
  for (size_t row = 0; row < 60; ++row) {
    EXPECT_NEAR((*outcome.predictions)[row], sums[row] / 3, 1e-6);
  }
  EXPECT_EQ(dynamic_cast<const AverageModel&>(*outcome.model).members().size(), 12u);
}

TEST_F(TrialTest, KeepsToTheFirstPartitionIfItsRungSaysNo) {
  bench_.request.config.validation.repeats = 3;
  job_.on_rung = [](const RungValue& value) {
    return value.rung.ladder != Rung::Ladder::kPartitions;
  };
  const FakeLearner learner("gbt");
  const TrialOutcome outcome = run(learner);
  EXPECT_EQ(outcome.result.status, TrialStatus::kFinished);
  EXPECT_EQ(outcome.folds.size(), 4u);
  EXPECT_TRUE(outcome.score);
}

TEST_F(TrialTest, KeepsToTheFirstPartitionIfOthersWouldTakeTooMuchMemory) {
  bench_.request.config.validation.repeats = 3;
  job_.on_rung = [](const RungValue&) { return true; };
  job_.most_repeat_bytes = 1000;
  const FakeLearner learner("gbt");
  EXPECT_EQ(run(learner).folds.size(), 4u);
}

// A partition that the time is too short for counts for nothing, and harms nothing.
TEST_F(TrialTest, DropsAPartitionThatDoesNotComeToItsEnd) {
  bench_.request.config.validation.repeats = 3;
  job_.on_rung = [](const RungValue&) { return true; };
  job_.fit_deadline_ns = [] { return 10 * kSecond; };
  const FakeLearner learner("gbt", [&](const FakeLearner::Call& call) {
    // The first partition takes 4 s, the folds of the second ever more.
    const int fit = learner.fits();
    const int64_t wanted = (fit <= 4 ? 1 : 2) * kSecond;
    for (int64_t spent = 0; spent < wanted; spent += kSecond / 10) {
      if (call.context.stop->requested()) return Script{{}, true};
      bench_.clock.advance(kSecond / 10);
    }
    return Script{};
  });
  const TrialOutcome outcome = run(learner);
  EXPECT_EQ(outcome.result.status, TrialStatus::kFinished) << outcome.result.message;
  EXPECT_EQ(outcome.folds.size(), 4u);
  EXPECT_GT(learner.fits(), 4);
  EXPECT_EQ(outcome.predictions->size(), 60u);
  const FakeLearner plain("gbt");
  job_.fit_deadline_ns = {};
  job_.on_rung = {};
  auto set = TrainingSet::make(bench_.request.table, bench_.request.config,
                               bench_.context(executor_, stop_));
  ASSERT_TRUE(set);
  set_ = std::move(*set);
  const TrialOutcome alone = run(plain);
  EXPECT_EQ(*alone.predictions, *outcome.predictions);
  EXPECT_EQ(alone.score, outcome.score);
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

// What is kept for the end of the sweep grows when a trial turns out well, while others run.
TEST_F(TrialTest, FitsEndSoonerWhereTheirEndIsMovedWhileTheyRun) {
  std::vector<double> stopped_at;
  int64_t end_ns = 100 * kSecond;
  job_.fit_deadline_ns = [&] { return end_ns; };
  const FakeLearner learner("gbt", [&](const FakeLearner::Call& call) {
    while (!call.context.stop->requested()) {
      bench_.clock.advance(kSecond / 10);
      if (bench_.clock.now_ns() >= 5 * kSecond) end_ns = 60 * kSecond;
    }
    stopped_at.push_back(static_cast<double>(bench_.clock.now_ns()) * 1e-9);
    return Script{{}, true};
  });
  const TrialOutcome outcome = run(learner);
  EXPECT_EQ(outcome.result.status, TrialStatus::kPartial);
  ASSERT_EQ(stopped_at.size(), 4u);
  EXPECT_NEAR(stopped_at[0], 0.85 * 15, 0.2);
  EXPECT_LT(stopped_at[3], 60);
  EXPECT_GT(stopped_at[3], 51);
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

TEST_F(TrialTest, KeepsWhatAStoppedTrialHadOfItsFolds) {
  const FakeLearner learner("gbt", [&](const FakeLearner::Call&) {
    if (learner.fits() == 3) stop_.request();
    return Script{};
  });
  const TrialOutcome outcome = run(learner);
  EXPECT_EQ(outcome.result.message, "stopped after 3 of 4 folds");
  EXPECT_EQ(outcome.model, nullptr);
  ASSERT_NE(outcome.partial, nullptr);
  const PartialTrial& partial = *outcome.partial;
  EXPECT_EQ(partial.fold_count, 3);
  EXPECT_EQ(partial.learner, "gbt");
  std::vector<uint32_t> places;
  for (size_t fold = 0; fold < 3; ++fold) {
    const auto& covered = set_->folds()[fold].places;
    places.insert(places.end(), covered.begin(), covered.end());
  }
  std::sort(places.begin(), places.end());
  EXPECT_EQ(partial.places, places);
  ASSERT_EQ(partial.predictions.size(), places.size());
  for (const float value : partial.predictions) EXPECT_GT(value, 0.1f);
  EXPECT_EQ(partial.model->kind(), "average");
}

TEST_F(TrialTest, HasNothingToKeepIfStoppedBeforeTheFirstStep) {
  const FakeLearner cancelled("gbt", [](const FakeLearner::Call&) -> Script {
    return {fail(StatusCode::kCancelled, "no step made")};
  });
  EXPECT_EQ(run(cancelled).partial, nullptr);
}

// A table of noise: nothing can be known of y.
std::shared_ptr<const datasets::Table> noise_table(int64_t rows) {
  Rng rng(17);
  std::vector<datasets::Column> columns;
  for (const char* name : {"a", "b", "c", "d"}) {
    std::vector<double> numbers;
    for (int64_t row = 0; row < rows; ++row) numbers.push_back(rng.next_double());
    columns.push_back(number_column(name, std::move(numbers)));
  }
  std::vector<int32_t> codes;
  for (int64_t row = 0; row < rows; ++row) codes.push_back(static_cast<int32_t>(row % 2));
  columns.push_back(level_column("y", codes, {"no", "yes"}));
  return table_of(std::move(columns));
}

class BoostedTrialTest : public testing::Test {
 protected:
  BoostedTrialTest() {
    bench_.request.table = noise_table(200);
    bench_.request.config.validation.method = "kfold";
    bench_.request.config.validation.folds = 50;
    set_ = bench_.planned_set(executor_, stop_);
    EXPECT_NE(set_, nullptr);
    job_.set = set_.get();
    job_.learner = *find_learner("gbt");
    job_.spec = {
        1, "gbt", {{"rounds", int64_t{60}}, {"patience", int64_t{20}}}, 5, TrialOrigin::kDefault};
    job_.clock = &bench_.clock;
  }

  // What the fit of a fold alone finds.
  FitResult fit(size_t fold) {
    FitRequest request;
    request.data = &set_->data();
    request.train_rows = set_->folds()[fold].train_rows;
    request.valid_rows = set_->folds()[fold].valid_rows;
    request.params = job_.spec.params;
    request.seed = derive_seed(job_.spec.seed, "fold", fold);
    auto fitted = job_.learner->fit(request, bench_.context(executor_, stop_));
    EXPECT_TRUE(fitted);
    return std::move(*fitted);
  }

  SweepBench bench_;
  TrialJob job_;
  SerialExecutor executor_;
  StopToken stop_;
  std::unique_ptr<TrainingSet> set_;
};

TEST_F(BoostedTrialTest, FindsNothingInNoiseHoweverManyFolds) {
  const TrialOutcome outcome = run_trial(job_, bench_.context(executor_, stop_));
  ASSERT_TRUE(outcome.score) << outcome.result.message;
  // What each fold likes best for itself looks like knowledge.
  std::vector<float> flattered(200 * 2);
  for (size_t fold = 0; fold < 50; ++fold) {
    const FitResult fitted = fit(fold);
    for (size_t i = 0; i < set_->folds()[fold].places.size(); ++i) {
      for (size_t k = 0; k < 2; ++k) {
        flattered[set_->folds()[fold].places[i] * 2 + k] = fitted.valid_predictions[i * 2 + k];
      }
    }
  }
  const auto flattery = set_->metric().score({flattered.data(), 200, 2}, set_->scored_targets());
  EXPECT_GT(*flattery, 0.6);
  EXPECT_LT(*outcome.score, 0.55);
}

TEST_F(BoostedTrialTest, KeepsTheRoundsThatTheOtherFoldsSpeakFor) {
  const TrialOutcome outcome = run_trial(job_, bench_.context(executor_, stop_));
  ASSERT_TRUE(outcome.score) << outcome.result.message;
  std::vector<int64_t> best;
  std::vector<int64_t> grown;
  for (size_t fold = 0; fold < 50; ++fold) {
    const FitResult fitted = fit(fold);
    best.push_back(fitted.best_iteration);
    grown.push_back(fitted.iterations);
  }
  const auto* average = dynamic_cast<const AverageModel*>(outcome.model.get());
  ASSERT_NE(average, nullptr);
  int64_t differing = 0;
  for (size_t fold = 0; fold < 50; ++fold) {
    std::vector<int64_t> others = best;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(fold));
    std::nth_element(others.begin(), others.begin() + 24, others.end());
    const int64_t wanted = std::min(others[24], grown[fold]);
    differing += wanted != best[fold];
    EXPECT_EQ(outcome.folds[fold].best_iteration, wanted);
    const Model& member = *average->members()[fold];
    EXPECT_EQ(member.step_count(), wanted);
    const auto& rows = set_->folds()[fold].valid_rows;
    std::vector<float> predicted(rows.size() * 2);
    ASSERT_TRUE(
        member.predict(*set_->data().features, rows, bench_.context(executor_, stop_), predicted));
    for (size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ((*outcome.predictions)[set_->folds()[fold].places[i] * 2], predicted[i * 2]);
    }
  }
  EXPECT_GT(differing, 10);
}

// A second passes a round; each fold has its share of the time.
TEST_F(BoostedTrialTest, IsGoneOnWithToWhatAnUnbrokenOneComesTo) {
  for (const std::string method : {"kfold", "holdout"}) {
    bench_.request.config.validation.method = method;
    bench_.request.config.validation.folds = 3;
    auto set = TrainingSet::make(bench_.request.table, bench_.request.config,
                                 bench_.context(executor_, stop_));
    set_ = std::move(*set);
    ASSERT_TRUE(set_->plan(bench_.request.config, 0, std::nullopt));
    job_.set = set_.get();
    job_.spec.params = {{"rounds", int64_t{30}}, {"early_stopping", false}};
    const auto folds = static_cast<int64_t>(set_->folds().size());
    const TrialOutcome whole = run_trial(job_, bench_.context(executor_, stop_));

    TrialJob cut = job_;
    const int64_t end_ns = bench_.clock.now_ns() + folds * 20 * kSecond;
    cut.fit_deadline_ns = [end_ns] { return end_ns; };
    cut.shared_time = true;
    cut.most_checkpoint_bytes = INT64_MAX;
    cut.wants_checkpoint = [&] {
      bench_.clock.advance(kSecond);
      return false;
    };
    const TrialOutcome unwanted = run_trial(cut, bench_.context(executor_, stop_));
    EXPECT_EQ(unwanted.rest, nullptr);
    const int64_t later_ns = bench_.clock.now_ns() + folds * 20 * kSecond;
    cut.fit_deadline_ns = [later_ns] { return later_ns; };
    cut.most_rest_bytes = INT64_MAX;
    const TrialOutcome part = run_trial(cut, bench_.context(executor_, stop_));
    ASSERT_EQ(part.result.status, TrialStatus::kPartial) << part.result.message;
    ASSERT_NE(part.rest, nullptr);
    EXPECT_LT(part.folds[0].iterations, 30);
    EXPECT_GT(part.folds[0].iterations, 5);

    TrialJob rest = job_;
    rest.spec.number = 9;
    rest.spec.continues = 1;
    rest.spec.origin = TrialOrigin::kContinued;
    rest.rest = part.rest;
    int64_t rounds = 0;
    rest.most_checkpoint_bytes = INT64_MAX;
    rest.wants_checkpoint = [&] {
      ++rounds;
      return false;
    };
    const TrialOutcome outcome = run_trial(rest, bench_.context(executor_, stop_));
    EXPECT_EQ(outcome.result.status, TrialStatus::kFinished);
    EXPECT_EQ(outcome.went_on_from, "trial 1");
    EXPECT_EQ(outcome.score, whole.score);
    EXPECT_EQ(*outcome.predictions, *whole.predictions);
    EXPECT_EQ(bytes_of(*outcome.model), bytes_of(*whole.model));
    EXPECT_LT(rounds, folds * 25) << "rounds that were there are not made again";

    // Too much to keep.
    const int64_t end2_ns = bench_.clock.now_ns() + folds * 20 * kSecond;
    cut.fit_deadline_ns = [end2_ns] { return end2_ns; };
    cut.most_rest_bytes = 10;
    EXPECT_EQ(run_trial(cut, bench_.context(executor_, stop_)).rest, nullptr);
  }
}

TEST(FoldSteps, AreTheMedianOfTheOtherFolds) {
  const auto steps = [](std::vector<int64_t> best, std::vector<int64_t> grown) {
    return steps_by_others(best, grown);
  };
  using Steps = std::vector<int64_t>;
  EXPECT_EQ(steps({7}, {20}), (Steps{7}));
  EXPECT_EQ(steps({7, 3}, {20, 20}), (Steps{3, 7}));
  EXPECT_EQ(steps({10, 20, 40}, {100, 100, 100}), (Steps{30, 25, 15}));
  EXPECT_EQ(steps({1, 10, 20, 100}, {9, 99, 99, 120}), (Steps{9, 20, 10, 10}));
  EXPECT_EQ(steps({4, 5}, {5, 9}), (Steps{5, 4}));
  EXPECT_EQ(steps({1, 2, 2}, {3, 3, 3}), (Steps{2, 2, 2})) << "a half is rounded up";
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
