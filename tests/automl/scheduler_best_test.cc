// The best model so far, kept with a sweep's run while it searches, and what is registered when
// something fails at the end.
#include <gtest/gtest.h>

#include <atomic>
#include <new>

#include "automl/preprocess/predictor.h"
#include "automl/scheduler/best_model.h"
#include "automl/scheduler/keep_pace.h"
#include "automl/scheduler/sweep_past.h"
#include "tests/automl/scheduler_fakes.h"
#include "tests/tracking/killed_store.h"
#include "tracking/run_query.h"

namespace assay::automl {
namespace {

tracking::RunRecord only_sweep(tracking::Workspace& workspace) {
  const auto runs = tracking::list_runs(workspace, {.kind = "sweep"});
  EXPECT_TRUE(runs && runs->runs.size() == 1);
  return *tracking::load_run(workspace, runs->runs.at(0).run_id);
}

TEST(KeepPace, GrowsItsIntervalsAndKeepsToItsShare) {
  KeepPace pace;
  EXPECT_FALSE(pace.is_due(1, 0.03));
  EXPECT_TRUE(pace.is_due(1, 0.02));
  pace.note(1, 0.01);
  EXPECT_FALSE(pace.is_due(1.4, 0));
  EXPECT_TRUE(pace.is_due(1.5, 0.02));
  EXPECT_FALSE(pace.is_due(1.5, 0.03)) << "together with what was spent";
  int kept = 0;
  for (double now = 1.5; now < 300; now += 0.05) {
    if (!pace.is_due(now, 0.01)) continue;
    pace.note(now, 0.01);
    ++kept;
  }
  EXPECT_GT(kept, 10);
  EXPECT_LT(kept, 16);
}

TEST(BestModelTable, GivesBackItsRows) {
  tracking::RunRecord record;
  EXPECT_TRUE(best_models_of(record).empty());
  const std::vector<BestModelRow> rows = {{0.5, 2, "0", 10, "aa"}, {7.25, 1, "7, 3", 20, "bb"}};
  record.tables.push_back(std::make_shared<tracking::NamedTable>(best_model_table(rows)));
  ASSERT_EQ(best_models_of(record).size(), 2u);
  EXPECT_EQ(best_models_of(record)[1].text(), "trials 7, 3, kept 7.2 s after the start");
  EXPECT_EQ(best_models_of(record)[0].text(), "trial 0, kept 0.5 s after the start");
  EXPECT_FALSE(best_model_of(record)) << "there is no model";
  // A process that died between the two: the row of the last model is there, but not its model.
  record.artifacts.push_back({kBestModelPath, "aa", 10, ""});
  EXPECT_EQ(best_model_of(record)->trials, "0");
  record.artifacts[0].sha256 = "cc";
  EXPECT_FALSE(best_model_of(record));
}

// gbt's fits take a second each and get better from trial to trial.
class BestSweep {
 public:
  explicit BestSweep(std::function<void(int)> at_fit = {}) : at_fit_(std::move(at_fit)) {
    bench.add(fake("constant"));
    gbt = &bench.add(fake("gbt", [this](const FakeLearner::Call&) {
      bench.clock.advance(kSecond);
      if (at_fit_) at_fit_(++fits_);
      return FakeLearner::Script{};
    }));
    gbt->with_gap(0.05);
    bench.request.config.budget.trials = 25;
    bench.request.config.run.slots = 1;
  }
  SweepBench bench;
  FakeLearner* gbt = nullptr;

 private:
  std::function<void(int)> at_fit_;
  std::atomic<int> fits_{0};
};

TEST(BestModel, IsThereWheneverTheProcessDies) {
  std::vector<std::string> copies;
  BestSweep* sweep = nullptr;
  BestSweep whole([&](int fit) {
    if (fit != 1 && fit != 30 && fit != 90) return;
    tracking::Workspace& workspace = *sweep->bench.request.workspace;
    // What was kept is on its way: the leading thread looks every few hundredths of a second.
    (void)workspace.flush();
    copies.push_back(sweep->bench.folder() / fmt::format("copy-{}", fit));
    tracking::copy_as_killed(workspace.path(), copies.back());
  });
  sweep = &whole;
  const auto outcome = whole.bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  ASSERT_EQ(copies.size(), 3u);
  for (size_t i = 0; i < copies.size(); ++i) {
    const auto workspace = *tracking::Workspace::open(copies[i]);
    const tracking::RunRecord record = only_sweep(*workspace);
    const auto row = best_model_of(record);
    ASSERT_TRUE(row) << copies[i];
    if (i == 0) {
      EXPECT_EQ(row->trials, "0");
    }
    const auto model = load_best_model(*workspace, record);
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ(model->version.score, row->score);
    EXPECT_EQ(model->version.tags.at("trials"), row->trials);
    EXPECT_EQ(model->version.run_id, record.info.run_id);
    const auto predictor = Predictor::from_bytes(model->bytes, "best");
    ASSERT_TRUE(predictor);
    SerialExecutor executor;
    const StopToken stop(&whole.bench.clock, kNoDeadline);
    const auto predicted =
        predictor->predict(whole.bench.request.table, whole.bench.context(executor, stop));
    ASSERT_TRUE(predicted);
    EXPECT_EQ(predicted->size(), 60u);
  }
}

TEST(BestModel, IsTheRegisteredOneInTheEnd) {
  BestSweep sweep;
  const auto outcome = sweep.bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  const tracking::RunRecord record = only_sweep(*sweep.bench.request.workspace);
  const auto rows = best_models_of(record);
  ASSERT_GE(rows.size(), 2u) << "the baseline and the last";
  EXPECT_EQ(rows.front().trials, "0");
  EXPECT_EQ(rows.back().sha256, outcome->model_sha256);
  EXPECT_EQ(rows.back().score, outcome->validation_score);
  EXPECT_EQ(best_model_of(record)->sha256, outcome->model_sha256);
}

// Its model cannot be measured any more once the search has ended.
class FailsAtTheEnd final : public SweepObserver {
 public:
  void on_progress(const SweepProgress& progress) override {
    if (progress.phase == SweepPhase::kEnsembling) ended = true;
  }
  void on_loss(const std::string& loss) override { losses.push_back(loss); }
  std::atomic<bool> ended{false};
  std::vector<std::string> losses;
};

TEST(BestModel, IsRegisteredAloneIfTheEnsembleFails) {
  BestSweep sweep;
  FailsAtTheEnd observer;
  ModelWeight weight;
  weight.on_predict = [&] {
    if (observer.ended) throw std::bad_alloc();
  };
  sweep.gbt->with_model_weight(weight);
  sweep.bench.request.observer = &observer;
  sweep.bench.request.config.constraints.max_model_size = int64_t{1} << 30;
  const auto outcome = sweep.bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->ensemble_kind, "single");
  EXPECT_EQ(outcome->model_version, 1);
  ASSERT_EQ(observer.losses.size(), 1u);
  EXPECT_NE(observer.losses[0].find("the best trial alone is registered"), std::string::npos)
      << observer.losses[0];
  EXPECT_EQ(best_model_of(only_sweep(*sweep.bench.request.workspace))->sha256,
            outcome->model_sha256);
}

}  // namespace
}  // namespace assay::automl
