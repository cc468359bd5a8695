// Trials that go on from a checkpoint.
#include <gtest/gtest.h>

#include "automl/scheduler/trial.h"
#include "kernels/base/rng.h"
#include "tests/automl/scheduler_fakes.h"

namespace assay::automl {
namespace {

class CheckpointTest : public testing::Test {
 protected:
  void plan(const std::string& method) {
    bench_.request.table = noisy_table();
    bench_.request.config.validation.method = method;
    bench_.request.config.validation.folds = 4;
    bench_.request.config.validation.repeats = 2;
    set_ = bench_.planned_set(executor_, stop_);
    ASSERT_NE(set_, nullptr);
  }

  // Keeps the bytes of every checkpoint in `files_`, if there is any to keep.
  TrialOutcome run(const std::string& learner, ParamMap params,
                   std::shared_ptr<const TrialCheckpoint> begin = nullptr) {
    TrialJob job;
    job.set = set_.get();
    job.learner = *find_learner(learner);
    job.spec = spec_of(learner, std::move(params));
    job.clock = &bench_.clock;
    job.begin = std::move(begin);
    job.most_checkpoint_bytes = 1 << 20;
    rungs_.clear();
    job.on_rung = [this](const RungValue& value) {
      rungs_.push_back(value);
      return true;
    };
    job.wants_checkpoint = [] { return true; };
    job.keep_checkpoint = [this, spec = job.spec](const TrialCheckpoint& now) {
      bench_.clock.advance(kSecond);
      auto bytes = checkpoint_bytes(spec, now);
      ASSERT_TRUE(bytes) << bytes.error().message;
      files_.push_back(std::move(*bytes));
    };
    return run_trial(job, bench_.context(executor_, stop_));
  }

  static TrialSpec spec_of(const std::string& learner, ParamMap params) {
    TrialSpec spec;
    spec.number = 5;
    spec.learner = learner;
    spec.params = std::move(params);
    spec.seed = 0xf00dfeedf00dfeed;
    return spec;
  }

  void expect_same_from_everywhere(const std::string& learner, const ParamMap& params) {
    const TrialOutcome whole = run(learner, params);
    ASSERT_EQ(whole.result.status, TrialStatus::kFinished) << whole.result.message;
    const std::vector<std::string> files = files_;
    ASSERT_FALSE(files.empty());
    const size_t stride = std::max<size_t>(1, files.size() / 9);
    for (size_t i = 0; i < files.size(); i += stride) {
      auto begin = read_checkpoint(files[i], "f", spec_of(learner, params));
      ASSERT_TRUE(begin) << begin.error().message;
      EXPECT_EQ(*checkpoint_bytes(spec_of(learner, params), *begin), files[i]);
      const double seconds = begin->seconds;
      files_.clear();
      const TrialOutcome rest =
          run(learner, params, std::make_shared<const TrialCheckpoint>(std::move(*begin)));
      ASSERT_EQ(rest.result.status, TrialStatus::kFinished) << rest.result.message;
      EXPECT_EQ(rest.score, whole.score) << i;
      EXPECT_EQ(*rest.predictions, *whole.predictions) << i;
      EXPECT_TRUE(bytes_of(*rest.model) == bytes_of(*whole.model)) << i;
      EXPECT_GE(rest.seconds, seconds);
      EXPECT_EQ(files_.size(), files.size() - i - 1) << "nothing is done twice";
      ASSERT_EQ(rest.result.rungs.size(), whole.result.rungs.size());
      ASSERT_EQ(rungs_.size(), whole.result.rungs.size()) << "all are heard of again";
      for (size_t k = 0; k < rungs_.size(); ++k) {
        EXPECT_EQ(rungs_[k].rung, whole.result.rungs[k].rung);
        EXPECT_EQ(rungs_[k].loss, whole.result.rungs[k].loss);
      }
      ASSERT_EQ(rest.curve.size(), whole.curve.size());
      for (size_t k = 0; k < rest.curve.size(); ++k) {
        EXPECT_EQ(rest.curve[k].fold, whole.curve[k].fold);
        EXPECT_EQ(rest.curve[k].step, whole.curve[k].step);
        EXPECT_EQ(rest.curve[k].loss, whole.curve[k].loss);
      }
      for (size_t fold = 0; fold < rest.folds.size(); ++fold) {
        EXPECT_EQ(rest.folds[fold].iterations, whole.folds[fold].iterations);
        EXPECT_EQ(rest.folds[fold].best_iteration, whole.folds[fold].best_iteration);
        EXPECT_EQ(rest.folds[fold].score, whole.folds[fold].score);
      }
    }
  }

  SweepBench bench_;
  SerialExecutor executor_;
  StopToken stop_;
  std::unique_ptr<TrainingSet> set_;
  std::vector<std::string> files_;
  std::vector<RungValue> rungs_;
};

TEST_F(CheckpointTest, BoostingGoesOnWithinAFold) {
  plan("kfold");
  expect_same_from_everywhere(
      "gbt", {{"rounds", int64_t{60}}, {"learning_rate", 0.4}, {"row_fraction", 0.7}});
}

TEST_F(CheckpointTest, BoostingGoesOnWithAHoldout) {
  plan("holdout");
  expect_same_from_everywhere("gbt", {{"rounds", int64_t{45}}, {"early_stopping", false}});
}

TEST_F(CheckpointTest, OtherLearnersGoOnBetweenFolds) {
  plan("kfold");
  expect_same_from_everywhere("extra_trees", {{"trees", int64_t{10}}});
  EXPECT_EQ(files_.size(), 0u);
  expect_same_from_everywhere("linear", {});
}

TEST_F(CheckpointTest, OfAnotherTrialOrDamagedIsNone) {
  plan("kfold");
  const ParamMap params = {{"rounds", int64_t{5}}, {"early_stopping", false}};
  (void)run("gbt", params);
  ASSERT_GT(files_.size(), 3u);
  const TrialSpec spec = spec_of("gbt", params);
  ASSERT_TRUE(read_checkpoint(files_[1], "f", spec));
  const auto own = read_checkpoint_spec(files_[1], "f");
  ASSERT_TRUE(own) << own.error().message;
  EXPECT_EQ(own->params, params);
  EXPECT_EQ(own->seed, spec.seed);
  for (const auto& change : std::vector<std::function<void(TrialSpec&)>>{
           [](TrialSpec& s) { ++s.number; }, [](TrialSpec& s) { ++s.seed; },
           [](TrialSpec& s) { s.learner = "linear"; },
           [](TrialSpec& s) { s.params["rounds"] = int64_t{6}; },
           [](TrialSpec& s) { s.origin = TrialOrigin::kGuided; }}) {
    TrialSpec other = spec;
    change(other);
    EXPECT_EQ(read_checkpoint(files_[1], "f", other).error().code, StatusCode::kData);
  }
  for (const size_t cut : {size_t{0}, size_t{30}, files_[1].size() - 1}) {
    EXPECT_FALSE(read_checkpoint(files_[1].substr(0, cut), "f", spec));
  }
}

TEST_F(CheckpointTest, WhatIsTooLargeIsNotKept) {
  plan("kfold");
  const ParamMap params = {{"rounds", int64_t{5}}, {"early_stopping", false}};
  (void)run("gbt", params);
  const auto last = read_checkpoint(files_.back(), "f", spec_of("gbt", params));
  ASSERT_TRUE(last);
  TrialJob job;
  job.set = set_.get();
  job.learner = *find_learner("gbt");
  job.spec = spec_of("gbt", params);
  job.clock = &bench_.clock;
  // Room for the first of 4 folds, not for all.
  job.most_checkpoint_bytes = last->models[0]->byte_count() +
                              static_cast<int64_t>(last->predictions.size() * sizeof(float)) + 64;
  job.wants_checkpoint = [] { return true; };
  size_t most = 0;
  job.keep_checkpoint = [&](const TrialCheckpoint& now) {
    most = std::max(most, now.models.size());
  };
  EXPECT_EQ(run_trial(job, bench_.context(executor_, stop_)).result.status, TrialStatus::kFinished);
  EXPECT_EQ(most, 1u);
}

}  // namespace
}  // namespace assay::automl
