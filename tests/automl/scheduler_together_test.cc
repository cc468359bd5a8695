// Trials whose folds are fitted at the same time come to what they come to fold by fold.
#include <gtest/gtest.h>

#include "automl/scheduler/memory_plan.h"
#include "automl/scheduler/trial.h"
#include "automl/validation/training_set.h"
#include "kernels/base/rng.h"
#include "tests/automl/scheduler_fakes.h"

namespace assay::automl {
namespace {

// gbt, but for what a test overrides.
class WrappedGbt : public Learner {
 public:
  std::string_view name() const override { return inner().name(); }
  const OptionGroup& options() const override { return inner().options(); }
  bool supports(Task task) const override { return inner().supports(task); }
  Result<PlannedBytes> planned_bytes(const DataShape& shape, const ParamMap& params,
                                     int threads) const override {
    return inner().planned_bytes(shape, params, threads);
  }
  Result<double> logical_cost(const DataShape& shape, const ParamMap& params) const override {
    return inner().logical_cost(shape, params);
  }
  Result<FitResult> fit(const FitRequest& request,
                        const kernels::ComputeContext& context) const override {
    return inner().fit(request, context);
  }

 protected:
  static const Learner& inner() { return **find_learner("gbt"); }
};

class TogetherTest : public testing::Test {
 protected:
  TogetherTest() { plan("kfold"); }

  void plan(const std::string& method) {
    bench_.request.table = noisy_table();
    bench_.request.config.validation.method = method;
    bench_.request.config.validation.folds = 5;
    bench_.request.config.validation.repeats = 2;
    set_ = bench_.planned_set(executor_, stop_);
    ASSERT_NE(set_, nullptr);
  }

  TrialJob job(TrialOrigin origin, bool together) {
    TrialJob job;
    job.set = set_.get();
    job.learner = *find_learner("gbt");
    job.spec = {4,
                "gbt",
                {{"rounds", int64_t{60}}, {"learning_rate", 0.4}, {"row_fraction", 0.7}},
                0xf00dfeedf00dfeed,
                origin};
    job.clock = &bench_.clock;
    job.logical = true;
    job.together = together;
    return job;
  }

  TrialOutcome run(const TrialJob& job) { return run_trial(job, bench_.context(executor_, stop_)); }

  static void expect_same(const TrialOutcome& outcome, const TrialOutcome& own) {
    EXPECT_EQ(outcome.result.status, own.result.status);
    EXPECT_EQ(outcome.result.message, own.result.message);
    EXPECT_EQ(outcome.result.cost, own.result.cost);
    EXPECT_EQ(outcome.score, own.score);
    ASSERT_EQ(outcome.result.rungs.size(), own.result.rungs.size());
    for (size_t i = 0; i < own.result.rungs.size(); ++i) {
      EXPECT_EQ(outcome.result.rungs[i].rung, own.result.rungs[i].rung);
      EXPECT_EQ(outcome.result.rungs[i].loss, own.result.rungs[i].loss);
    }
    ASSERT_EQ(outcome.folds.size(), own.folds.size());
    for (size_t fold = 0; fold < own.folds.size(); ++fold) {
      EXPECT_EQ(outcome.folds[fold].iterations, own.folds[fold].iterations);
      EXPECT_EQ(outcome.folds[fold].best_iteration, own.folds[fold].best_iteration);
      EXPECT_EQ(outcome.folds[fold].score, own.folds[fold].score);
    }
    ASSERT_EQ(outcome.curve.size(), own.curve.size());
    for (size_t i = 0; i < own.curve.size(); ++i) {
      EXPECT_EQ(outcome.curve[i].fold, own.curve[i].fold);
      EXPECT_EQ(outcome.curve[i].step, own.curve[i].step);
      EXPECT_EQ(outcome.curve[i].loss, own.curve[i].loss);
    }
    ASSERT_EQ(outcome.model == nullptr, own.model == nullptr);
    if (own.model == nullptr) return;
    EXPECT_TRUE(bytes_of(*outcome.model) == bytes_of(*own.model));
    EXPECT_EQ(*outcome.predictions, *own.predictions);
  }

  SweepBench bench_;
  ThreadedExecutor executor_{2};
  StopToken stop_;
  std::unique_ptr<TrainingSet> set_;
};

TEST_F(TogetherTest, IsTheSameTrialWhateverItIsAsked) {
  ASSERT_TRUE((*find_learner("gbt"))->gains_together(set_->shape(), 2));
  for (const TrialOrigin origin : {TrialOrigin::kGuided, TrialOrigin::kDefault}) {
    // Given up at each question in turn; the last time at none.
    for (size_t last = 1; last <= 9; ++last) {
      std::vector<TrialOutcome> outcomes;
      for (const bool together : {false, true}) {
        TrialJob job = this->job(origin, together);
        size_t asked = 0;
        job.on_rung = [&](const RungValue&) { return ++asked != last; };
        outcomes.push_back(run(job));
      }
      SCOPED_TRACE(last);
      expect_same(outcomes[1], outcomes[0]);
      if (last == 1) {
        EXPECT_EQ(outcomes[1].result.status, TrialStatus::kPruned);
      }
    }
  }
}

TEST_F(TogetherTest, IsTheSameTrialInSeveralPartitionsAndInOne) {
  for (const std::string method : {"kfold", "holdout"}) {
    plan(method);
    std::vector<TrialOutcome> outcomes;
    for (const bool together : {false, true}) {
      TrialJob job = this->job(TrialOrigin::kRandom, together);
      job.repeat = true;
      outcomes.push_back(run(job));
    }
    EXPECT_EQ(outcomes[1].result.status, TrialStatus::kFinished);
    EXPECT_EQ(outcomes[1].folds.size(), method == "kfold" ? 10u : 1u);
    expect_same(outcomes[1], outcomes[0]);
  }
}

TEST_F(TogetherTest, NoFoldIsBegunBehindARungThatIsNotPassed) {
  // A learner that gains by it and tells how many fits it is given at a time.
  class Counter final : public WrappedGbt {
   public:
    Result<FitResult> fit(const FitRequest& request,
                          const kernels::ComputeContext& context) const override {
      groups.push_back(1);
      return inner().fit(request, context);
    }
    std::vector<Result<FitResult>> fit_together(
        std::span<const FitRequest> requests,
        const kernels::ComputeContext& context) const override {
      groups.push_back(requests.size());
      return inner().fit_together(requests, context);
    }
    bool gains_together(const DataShape&, int threads) const override { return threads > 1; }
    mutable std::vector<size_t> groups;
  };
  const auto groups_of = [&](TrialOrigin origin, bool together, bool asks) {
    const Counter learner;
    TrialJob job = this->job(origin, together);
    job.learner = &learner;
    if (asks)
      job.on_rung = [](const RungValue& v) { return v.rung.ladder != Rung::Ladder::kPartitions; };
    EXPECT_EQ(run(job).result.status, TrialStatus::kFinished);
    return learner.groups;
  };
  using Sizes = std::vector<size_t>;
  EXPECT_EQ(groups_of(TrialOrigin::kGuided, true, true), (Sizes{1, 2, 2}));
  EXPECT_EQ(groups_of(TrialOrigin::kDefault, true, true), Sizes{5});
  EXPECT_EQ(groups_of(TrialOrigin::kGuided, true, false), Sizes{5});
  EXPECT_EQ(groups_of(TrialOrigin::kGuided, false, true), (Sizes{1, 1, 1, 1, 1}));
}

TEST_F(TogetherTest, TheDeadlineLeavesAllFoldsTheSameRounds) {
  TrialJob job = this->job(TrialOrigin::kDefault, true);
  job.spec.params = {{"rounds", int64_t{1000}}, {"early_stopping", false}};
  std::atomic<int> asked{0};
  job.fit_deadline_ns = [&] { return ++asked > 2000 ? 0 : kNoDeadline; };
  job.shared_time = true;
  job.most_rest_bytes = INT64_MAX;
  const TrialOutcome outcome = run(job);
  ASSERT_EQ(outcome.result.status, TrialStatus::kPartial) << outcome.result.message;
  ASSERT_EQ(outcome.folds.size(), 5u);
  for (const FoldRecord& fold : outcome.folds) {
    EXPECT_TRUE(fold.truncated);
    EXPECT_LE(std::abs(fold.iterations - outcome.folds[0].iterations), 1);
  }
  ASSERT_NE(outcome.rest, nullptr);

  // What is left of them comes to what an unbroken trial comes to.
  TrialJob whole = this->job(TrialOrigin::kDefault, false);
  whole.spec.params = {{"rounds", int64_t{40}}, {"early_stopping", false}};
  asked = 1000;
  TrialJob cut = whole;
  cut.together = true;
  cut.fit_deadline_ns = job.fit_deadline_ns;
  cut.shared_time = true;
  cut.most_rest_bytes = INT64_MAX;
  asked = 1700;
  const TrialOutcome part = run(cut);
  ASSERT_NE(part.rest, nullptr) << part.folds[0].iterations;
  TrialJob rest = whole;
  rest.together = true;
  rest.spec.continues = rest.spec.number;
  rest.rest = part.rest;
  const TrialOutcome finished = run(rest);
  const TrialOutcome own = run(whole);
  EXPECT_EQ(finished.score, own.score);
  EXPECT_TRUE(bytes_of(*finished.model) == bytes_of(*own.model));
}

TEST_F(TogetherTest, CheckpointsHoldEveryFoldAndGoOnEitherWay) {
  for (const TrialOrigin origin : {TrialOrigin::kGuided, TrialOrigin::kDefault}) {
    TrialJob job = this->job(origin, true);
    job.on_rung = [](const RungValue&) { return true; };
    job.most_checkpoint_bytes = 1 << 22;
    job.wants_checkpoint = [] { return true; };
    std::vector<std::string> files;
    size_t most = 0;
    job.keep_checkpoint = [&](const TrialCheckpoint& now) {
      most = std::max(most, now.fits.size());
      auto bytes = checkpoint_bytes(job.spec, now);
      ASSERT_TRUE(bytes) << bytes.error().message;
      files.push_back(std::move(*bytes));
    };
    const TrialOutcome whole = run(job);
    ASSERT_EQ(whole.result.status, TrialStatus::kFinished) << whole.result.message;
    EXPECT_EQ(most, 5u) << "the folds of another partition have no questions";
    const size_t count = files.size();
    ASSERT_GT(count, 20u);
    for (size_t i = 0; i < count; i += std::max<size_t>(1, count / 12)) {
      SCOPED_TRACE(i);
      auto begin = read_checkpoint(files[i], "f", job.spec);
      ASSERT_TRUE(begin) << begin.error().message;
      EXPECT_EQ(*checkpoint_bytes(job.spec, *begin), files[i]);
      const auto kept = std::make_shared<const TrialCheckpoint>(std::move(*begin));
      for (const bool together : {true, false}) {
        TrialJob rest = job;
        rest.together = together;
        rest.begin = kept;
        rest.keep_checkpoint = [](const TrialCheckpoint&) {};
        expect_same(run(rest), whole);
      }
    }
  }
}

TEST_F(TogetherTest, AFitThatFailsHoldsUpNoCheckpoints) {
  // The second of five fails after three rounds; reports come in turn.
  class Failing final : public WrappedGbt {
   public:
    Result<FitResult> fit(const FitRequest& request,
                          const kernels::ComputeContext& context) const override {
      return inner().fit(request, context);
    }
    std::vector<Result<FitResult>> fit_together(
        std::span<const FitRequest> requests,
        const kernels::ComputeContext& context) const override {
      FitRequest quiet = requests[0];
      quiet.observer = nullptr;
      auto fitted = inner().fit(quiet, context);
      EXPECT_TRUE(fitted);
      const FitState state{std::shared_ptr<const Model>(std::move(fitted->model)), 0, 1.0};
      for (int64_t round = 1; round <= 12; ++round) {
        for (size_t i = 0; i < requests.size(); ++i) {
          if (i == 1 && round > 3) continue;
          FitObserver& observer = *requests[i].observer;
          observer.report({round, 20, 1.0});
          if (observer.wants_state(100, false)) observer.keep_state(state);
        }
      }
      std::vector<Result<FitResult>> results;
      for (size_t i = 0; i < requests.size(); ++i) {
        results.push_back(fail(StatusCode::kResourceExhausted, "no memory"));
      }
      return results;
    }
    bool gains_together(const DataShape&, int) const override { return true; }
  };
  const Failing learner;
  TrialJob job = this->job(TrialOrigin::kDefault, true);
  job.learner = &learner;
  job.most_checkpoint_bytes = 1 << 22;
  job.wants_checkpoint = [] { return true; };
  int kept = 0;
  job.keep_checkpoint = [&](const TrialCheckpoint&) { ++kept; };
  EXPECT_EQ(run(job).result.status, TrialStatus::kFailed);
  EXPECT_GE(kept, 8);
}

TEST_F(TogetherTest, MadeAgainIsOnlyWhatNoCheckpointHas) {
  // Two folds of a group that end early leave their last states.
  TrialJob job = this->job(TrialOrigin::kDefault, true);
  job.spec.params["patience"] = int64_t{3};
  job.most_checkpoint_bytes = 1 << 22;
  std::optional<TrialCheckpoint> last;
  job.wants_checkpoint = [] { return true; };
  job.keep_checkpoint = [&](const TrialCheckpoint& now) {
    if (now.folds.empty()) last = now;
  };
  const TrialOutcome whole = run(job);
  ASSERT_EQ(whole.folds.size(), 5u);
  ASSERT_TRUE(last);
  ASSERT_EQ(last->fits.size(), 5u);
  for (size_t fold = 0; fold < 5; ++fold) {
    ASSERT_TRUE(last->fits[fold]);
    EXPECT_GE(last->fits[fold]->model->step_count(), whole.folds[fold].iterations - 1);
  }
}

TEST_F(TogetherTest, WhatDoesNotFitACheckpointIsLeftOut) {
  TrialJob job = this->job(TrialOrigin::kDefault, true);
  job.wants_checkpoint = [] { return true; };
  job.most_checkpoint_bytes = 20'000;  // of five states some few rounds
  int64_t steps = 0;
  job.keep_checkpoint = [&](const TrialCheckpoint& now) {
    for (const auto& fit : now.fits) steps = std::max(steps, fit ? fit->model->step_count() : 0);
  };
  EXPECT_EQ(run(job).result.status, TrialStatus::kFinished);
  EXPECT_GT(steps, 0);
  EXPECT_LT(steps, 15);
}

TEST_F(TogetherTest, AStopKeepsAllFoldsUnderWay) {
  TrialJob job = this->job(TrialOrigin::kGuided, true);
  job.on_rung = [&](const RungValue& value) {
    // After the first fold; the two that follow are cut at once or after a round.
    if (value.rung == Rung{Rung::Ladder::kSingleFold, 1}) stop_.request();
    return true;
  };
  const TrialOutcome outcome = run(job);
  EXPECT_EQ(outcome.result.status, TrialStatus::kCancelled);
  ASSERT_NE(outcome.partial, nullptr);
  EXPECT_EQ(outcome.partial->fold_count, 1);
}

DataShape small_shape() {
  DataShape shape;
  shape.task = Task::kBinary;
  shape.class_count = 2;
  shape.row_count = 1000;
  shape.train_count = 800;
  shape.valid_count = 200;
  shape.feature_count = 20;
  shape.bin_count = 5000;
  return shape;
}

TEST(TogetherPlan, CountsAllFitsWhereThereIsRoom) {
  constexpr int64_t kMebi = int64_t{1} << 20;
  const Learner& gbt = **find_learner("gbt");
  MemoryShape shape;
  shape.base_bytes = 100 * kMebi;
  shape.fold_count = 5;
  shape.prediction_bytes = kMebi;
  shape.threads = 2;
  shape.data = small_shape();
  const PlannedBytes one = *gbt.planned_bytes(shape.data, {}, 2);
  DataShape all = shape.data;
  all.fits = 5;
  const PlannedBytes five = *gbt.planned_bytes(all, {}, 2);
  EXPECT_EQ(five.model, one.model);
  EXPECT_GT(five.fit, 5 * one.model);
  EXPECT_LT(five.fit, 6 * one.fit);

  shape.limit_bytes = 8000 * kMebi;
  const MemoryPlan roomy(shape);
  EXPECT_TRUE(roomy.has_room_together(gbt, {}));
  EXPECT_EQ(*roomy.planned_bytes(gbt, {}), five.fit + 3 * shape.prediction_bytes);
  shape.limit_bytes = 150 * kMebi;
  const MemoryPlan tight(shape);
  EXPECT_FALSE(tight.has_room_together(gbt, {}));
  EXPECT_EQ(*tight.planned_bytes(gbt, {}), one.fit + 4 * one.model + 3 * shape.prediction_bytes);
  // What fits at all is told by fits one after the other.
  EXPECT_EQ(*roomy.needed_limit(gbt, {}), *tight.needed_limit(gbt, {}));

  shape.data.row_count = 10'000'000;
  shape.data.train_count = 8'000'000;
  shape.limit_bytes = 100'000'000 * kMebi;
  EXPECT_FALSE(gbt.gains_together(shape.data, 64));
  const MemoryPlan large(shape);
  EXPECT_LT(*large.planned_bytes(gbt, {}), 2 * gbt.planned_bytes(shape.data, {}, 2)->fit);
}

TEST(TogetherSweep, SmallTrialsOnSeveralThreadsUseIt) {
  // The same answer from one thread, where folds follow each other, and from two.
  const auto board_of = [](int threads) {
    SweepBench bench;
    bench.request.table = noisy_table();
    bench.request.config.validation.folds = 5;
    bench.request.config.learners = {{"gbt", {}}};
    bench.request.config.run.slots = 1;
    bench.request.threads = threads;
    bench.request.config.budget.trials = 24;
    const auto outcome = bench.run();
    EXPECT_TRUE(outcome) << outcome.error().message;
    std::string board;
    if (!outcome) return std::pair(board, board);
    for (const LeaderboardRow& row : outcome->leaderboard.rows) {
      board += fmt::format("{} {} {} {} {}\n", row.trial, row.status, row.score.value_or(-1),
                           row.weight, row.params);
    }
    return std::pair(board, tracking::slurp(outcome->model_path));
  };
  const auto one = board_of(1);
  EXPECT_NE(one.first.find("pruned"), std::string::npos) << one.first;
  EXPECT_TRUE(board_of(2) == one);
}

}  // namespace
}  // namespace assay::automl
