// Out-of-bag predictions of forests: what a trial makes of those of its folds, and where a user
// finds them.
#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "automl/scheduler/sweep.h"
#include "automl/scheduler/trial.h"
#include "kernels/base/rng.h"
#include "tests/automl/scheduler_fakes.h"
#include "tracking/run_export.h"
#include "tracking/run_file.h"
#include "tracking/run_query.h"

namespace assay::automl {
namespace {

// Few trees: some rows are in every bag.
const ParamMap kLeftOut = {{"trees", int64_t{3}}, {"out_of_bag", true}};

class OutOfBagTest : public testing::Test {
 protected:
  void plan(const std::string& method, bool binary) {
    bench_.request.table = small_table(60, binary);
    bench_.request.config.validation.method = method;
    bench_.request.config.validation.folds = 4;
    bench_.request.config.validation.repeats = 2;
    set_ = bench_.planned_set(executor_, stop_);
    ASSERT_NE(set_, nullptr);
  }

  TrialJob job(const ParamMap& params) const {
    TrialJob job;
    job.set = set_.get();
    job.learner = *find_learner("random_forest");
    job.spec.learner = "random_forest";
    job.spec.params = params;
    job.spec.seed = 11;
    job.clock = &bench_.clock;
    job.keep_oob = true;
    return job;
  }
  TrialOutcome run(const TrialJob& job) { return run_trial(job, bench_.context(executor_, stop_)); }

  SweepBench bench_;
  SerialExecutor executor_;
  StopToken stop_;
  std::unique_ptr<TrainingSet> set_;
};

// By hand: each fold's forest again, and the mean of what it says of a row, over those of the
// folds that say something.
TEST_F(OutOfBagTest, IsTheMeanOverTheFoldsForestsThatLeftTheRowOut) {
  for (const bool binary : {false, true}) {
    for (const char* method : {"kfold", "holdout"}) {
      plan(method, binary);
      const auto width = static_cast<size_t>(set_->output_count());
      std::map<uint32_t, std::vector<double>> sums;
      std::map<uint32_t, int> counts;
      for (size_t fold = 0; fold < set_->folds().size(); ++fold) {
        FitRequest request;
        request.data = &set_->data(fold);
        request.train_rows = set_->folds()[fold].train_rows;
        request.valid_rows = set_->folds()[fold].valid_rows;
        request.params = kLeftOut;
        request.seed = derive_seed(11, "fold", fold);
        const auto fitted =
            (*find_learner("random_forest"))->fit(request, bench_.context(executor_, stop_));
        ASSERT_TRUE(fitted) << fitted.error().message;
        for (size_t i = 0; i < request.train_rows.size(); ++i) {
          if (std::isnan(fitted->oob_predictions[i * width])) continue;
          const uint32_t row = request.train_rows[i];
          ++counts[row];
          sums[row].resize(width);
          for (size_t k = 0; k < width; ++k) {
            sums[row][k] += double{fitted->oob_predictions[i * width + k]};
          }
        }
      }
      const TrialOutcome outcome = run(job(kLeftOut));
      ASSERT_EQ(outcome.result.status, TrialStatus::kFinished) << outcome.result.message;
      ASSERT_NE(outcome.oob, nullptr);
      ASSERT_EQ(outcome.oob->rows.size(), counts.size());
      ASSERT_EQ(outcome.oob->values.size(), counts.size() * width);
      size_t i = 0;
      for (const auto& [row, count] : counts) {
        EXPECT_EQ(outcome.oob->rows[i], row);
        for (size_t k = 0; k < width; ++k) {
          EXPECT_FLOAT_EQ(outcome.oob->values[i * width + k],
                          static_cast<float>(sums[row][k] / count));
        }
        ++i;
      }
      if (set_->is_holdout()) {
        EXPECT_LT(counts.size(), set_->folds()[0].train_rows.size()) << "some are in every bag";
      }
    }
  }
}

TEST_F(OutOfBagTest, IsNotThereUnlessItIsWanted) {
  plan("kfold", false);
  TrialJob unwanted = job(kLeftOut);
  unwanted.keep_oob = false;
  EXPECT_EQ(run(unwanted).oob, nullptr);
  EXPECT_EQ(run(job({{"trees", int64_t{3}}})).oob, nullptr);
  TrialJob given_up = job(kLeftOut);
  given_up.on_rung = [](const RungValue&) { return false; };
  EXPECT_EQ(run(given_up).oob, nullptr);
}

TEST_F(OutOfBagTest, IsOfTheFirstPartitionWhereThereAreOthers) {
  plan("kfold", false);
  const TrialOutcome first = run(job(kLeftOut));
  TrialJob repeated = job(kLeftOut);
  repeated.on_rung = [](const RungValue&) { return true; };
  const TrialOutcome all = run(repeated);
  ASSERT_EQ(all.folds.size(), 8u);
  ASSERT_NE(all.oob, nullptr);
  EXPECT_EQ(all.oob->rows, first.oob->rows);
  EXPECT_EQ(all.oob->values, first.oob->values);
}

TEST_F(OutOfBagTest, IsTheSameAfterACheckpoint) {
  plan("kfold", true);
  TrialJob watched = job(kLeftOut);
  std::vector<std::string> files;
  watched.most_checkpoint_bytes = 1 << 20;
  watched.wants_checkpoint = [] { return true; };
  watched.keep_checkpoint = [&](const TrialCheckpoint& now) {
    auto bytes = checkpoint_bytes(watched.spec, now);
    ASSERT_TRUE(bytes) << bytes.error().message;
    files.push_back(std::move(*bytes));
  };
  const TrialOutcome whole = run(watched);
  ASSERT_NE(whole.oob, nullptr);
  ASSERT_GT(files.size(), 1u);
  for (const std::string& file : files) {
    auto begin = read_checkpoint(file, "f", watched.spec);
    ASSERT_TRUE(begin) << begin.error().message;
    EXPECT_EQ(*checkpoint_bytes(watched.spec, *begin), file);
    TrialJob rest = job(kLeftOut);
    rest.begin = std::make_shared<const TrialCheckpoint>(std::move(*begin));
    const TrialOutcome outcome = run(rest);
    ASSERT_NE(outcome.oob, nullptr);
    EXPECT_EQ(outcome.oob->rows, whole.oob->rows);
    EXPECT_EQ(outcome.oob->values, whole.oob->values);
  }
}

// Of a sweep that keeps predictions, each forest's run has them, and an export writes them. Of one
// tree a fold some rows have none.
TEST(SweepOutOfBag, IsInTheTrialsRunsAndTheirExports) {
  for (const bool keeps : {true, false}) {
    SweepBench bench;
    bench.add(fake("constant"));
    bench.request.learners.push_back(*find_learner("random_forest"));
    LearnerChoice choice{"random_forest", {}};
    choice.params = {{"out_of_bag", true}, {"trees", int64_t{1}}};
    bench.request.config.learners = {{"constant", {}}, choice};
    bench.request.config.run.keep_predictions = keeps;
    bench.request.config.budget.trials = 3;
    bench.request.config.search.halving = false;
    const auto outcome = bench.run();
    ASSERT_TRUE(outcome) << outcome.error().message;
    size_t forests = 0;
    for (const LeaderboardRow& row : outcome->leaderboard.rows) {
      if (row.run_id.empty()) continue;
      const auto record = tracking::load_run(*bench.request.workspace, row.run_id);
      ASSERT_TRUE(record) << record.error().message;
      std::map<std::string, const tracking::Predictions*> sets;
      for (const auto& set : record->predictions) sets[set->name] = set.get();
      EXPECT_EQ(sets.count("oof"), keeps ? 1u : 0u);
      const bool forest = row.learner == "random_forest";
      ASSERT_EQ(sets.count("oob"), keeps && forest ? 1u : 0u) << row.learner;
      if (!keeps || !forest) continue;
      ++forests;
      EXPECT_EQ(record->metrics.count("oob_loss/fold"), 1u);
      const tracking::Predictions& oob = *sets["oob"];
      EXPECT_EQ(oob.columns, 1);
      EXPECT_EQ(oob.column_names, std::vector<std::string>{"y"});
      EXPECT_GT(oob.rows, 30);
      EXPECT_LT(oob.rows, 60);
      // Near the targets, 3 x1 and a little: numbers as they are, not of any other scale.
      const auto& y = bench.request.table->columns()[2].numbers;
      double squares = 0;
      double spread = 0;
      for (size_t i = 0; i < oob.row_ids.size(); ++i) {
        const double target = y[static_cast<size_t>(oob.row_ids[i])];
        const double value = std::visit([&](const auto& v) { return double(v[i]); }, oob.values);
        squares += (value - target) * (value - target);
        spread += target * target;
      }
      EXPECT_LT(squares, 0.5 * spread);
      const std::string out = bench.folder() / row.run_id;
      const auto report = tracking::export_run(*bench.request.workspace, *record, {out, {}});
      ASSERT_TRUE(report) << report.error().message;
      std::ifstream file(out + "/predictions/oob.csv");
      std::string line;
      ASSERT_TRUE(std::getline(file, line));
      EXPECT_EQ(line, "row_id,y");
      int64_t lines = 0;
      while (std::getline(file, line)) ++lines;
      EXPECT_EQ(lines, oob.rows);
    }
    EXPECT_EQ(forests, keeps ? 2u : 0u);
  }
}

}  // namespace
}  // namespace assay::automl
