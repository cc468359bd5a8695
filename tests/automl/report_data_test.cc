// Gathering a report from a workspace: sweeps with and without a leaderboard, trials, other runs.
#include "automl/report/report_data.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/tracking/test_folder.h"
#include "tracking/run.h"

namespace assay::automl {
namespace {

using tracking::RunStatus;

class ReportDataTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = tracking::Workspace::create(folder_ / "ws", "ws");
    ASSERT_TRUE(made) << made.error().message;
    workspace_ = *made;
    auto sweep = tracking::Run::create(workspace_, {"sweep", "e", "search", ""});
    ASSERT_TRUE(sweep) << sweep.error().message;
    sweep_ = std::move(*sweep);
    ASSERT_TRUE(sweep_->durable());  // others see it from here on
  }

  // A trial that is finished, with a learning curve of two folds. Gives its id.
  std::string add_trial(int64_t number, std::optional<double> score) {
    auto made = tracking::Run::create(workspace_,
                                      {"trial", "e", fmt::format("gbt-{}", number), sweep_->id()});
    EXPECT_TRUE(made);
    tracking::Run& run = **made;
    EXPECT_TRUE(run.set_tag("learner", "gbt"));
    EXPECT_TRUE(run.set_tag("trial", number));
    EXPECT_TRUE(run.set_tag("device", "cpu"));
    EXPECT_TRUE(run.set_tag("trial_status", score ? "finished" : "failed"));
    EXPECT_TRUE(run.log_param("rate", 0.1 * static_cast<double>(number)));
    EXPECT_TRUE(run.log_param("mode", "a"));
    for (int64_t fold = 0; fold < 2; ++fold) {
      EXPECT_TRUE(run.log_metric("fit_seconds/fold", 0.25, fold));
      for (int64_t step = 1; step < 5; ++step) {
        EXPECT_TRUE(run.log_metric(fmt::format("valid_loss/fold{}", fold),
                                   1.0 / static_cast<double>(step), step));
      }
    }
    if (score) {
      EXPECT_TRUE(run.set_score("rmse", *score));
    }
    EXPECT_TRUE(run.finish(score ? RunStatus::kCompleted : RunStatus::kFailed, ""));
    return run.id();
  }

  tracking::TestFolder folder_;
  std::shared_ptr<tracking::Workspace> workspace_;
  std::unique_ptr<tracking::Run> sweep_;
};

TEST_F(ReportDataTest, OfASweepThatWasCutShortIsMadeOfItsTrials) {
  add_trial(0, 5.0);
  add_trial(1, 3.0);
  add_trial(2, std::nullopt);
  const auto data = gather_report(*workspace_, sweep_->id());
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_TRUE(data->board_from_trials);
  EXPECT_EQ(data->board.metric, "rmse");
  EXPECT_FALSE(data->board.maximise);
  ASSERT_EQ(data->board.rows.size(), 3u);
  EXPECT_EQ(data->board.rows[0].trial, 1);
  EXPECT_EQ(data->board.rows[0].rank, 1);
  const auto params = nlohmann::json::parse(data->board.rows[0].params);
  EXPECT_EQ(params["rate"], 0.1);
  EXPECT_EQ(params["mode"], "a");
  EXPECT_FALSE(data->board.rows[2].score);
  ASSERT_EQ(data->times.size(), 3u);
  EXPECT_EQ(data->times[0].device, "cpu");
  EXPECT_LE(data->times[0].begin, data->times[1].begin);
  ASSERT_EQ(data->curves.size(), 2u);
  EXPECT_EQ(data->curves[0].trial, 1);
  ASSERT_EQ(data->curves[0].folds.size(), 2u);
  EXPECT_EQ(data->curves[0].folds[0].size(), 4u);
  EXPECT_EQ(data->curves[0].folds[0][1], (std::pair<double, double>(2, 0.5)));
}

TEST_F(ReportDataTest, OfATrialIsThatOfItsSweep) {
  const std::string trial = add_trial(0, 5.0);
  Leaderboard board;
  board.metric = "rmse";
  LeaderboardRow row;
  row.trial = 0;
  row.run_id = trial;
  row.learner = "gbt";
  row.score = 5.0;
  row.weight = 1;
  board.rows = {row};
  ASSERT_TRUE(sweep_->log_table(leaderboard_table(board)));
  ASSERT_TRUE(sweep_->set_tag("task", "regression"));
  ASSERT_TRUE(sweep_->set_score("rmse", 5.0));
  ASSERT_TRUE(sweep_->finish(RunStatus::kCompleted, ""));
  const auto data = gather_report(*workspace_, "gbt-0");
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->sweep.info.run_id, sweep_->id());
  ASSERT_TRUE(data->trial);
  EXPECT_EQ(data->trial->info.run_id, trial);
  EXPECT_FALSE(data->board_from_trials);
  EXPECT_EQ(data->task, Task::kRegression);
  ASSERT_EQ(data->curves.size(), 1u);
  EXPECT_TRUE(data->curves[0].member);
}

TEST_F(ReportDataTest, KnowsTheRungsThatTrialsWereComparedAt) {
  const auto add = [&](int64_t number, const std::string& message, int64_t first, int64_t last) {
    auto made = tracking::Run::create(workspace_, {"trial", "e", "t", sweep_->id()});
    ASSERT_TRUE(made);
    tracking::Run& run = **made;
    ASSERT_TRUE(run.set_tag("learner", "gbt"));
    ASSERT_TRUE(run.set_tag("trial", number));
    ASSERT_TRUE(run.set_tag("trial_status", "pruned"));
    for (int64_t step = first; step <= last; ++step) {
      ASSERT_TRUE(run.log_metric("rung/rows", 1.0, step));
    }
    ASSERT_TRUE(run.finish(RunStatus::kPruned, message));
  };
  add(0, "given up after a fit on 300 of 900 rows", 2, 2);
  add(1, "folds worse than the best's, after 4 of 5", 1, 2);
  add(2, "given up after 20 steps", 1, 0);
  const auto data = gather_report(*workspace_, sweep_->id());
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_TRUE(data->damaged.empty());
  ASSERT_EQ(data->times.size(), 3u);
  using Steps = std::vector<int64_t>;
  for (const TrialTime& time : data->times) {
    EXPECT_EQ(time.given_up_at_rung, time.trial != 1);
    EXPECT_EQ(time.rungs[1], time.trial == 0   ? Steps{2}
                             : time.trial == 1 ? Steps({1, 2})
                                               : Steps());
    EXPECT_TRUE(time.rungs[0].empty());
  }
}

TEST_F(ReportDataTest, RefusesARunWithoutTrialsAndUnknownOnes) {
  const auto none = gather_report(*workspace_, sweep_->id());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, StatusCode::kInvalidArgument);
  EXPECT_NE(none.error().message.find("has no trials"), std::string::npos);
  const auto unknown = gather_report(*workspace_, "serch");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, StatusCode::kNotFound);
  EXPECT_NE(unknown.error().message.find("did you mean 'search'"), std::string::npos);
}

}  // namespace
}  // namespace assay::automl
