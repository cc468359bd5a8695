// Hyper-parameters of trials: columns, importance, parallel coordinates.
#include <gtest/gtest.h>

#include <cmath>

#include "automl/report/parallel_chart.h"
#include "automl/report/param_importance.h"
#include "automl/report/trial_params.h"

namespace assay::automl {
namespace {

LeaderboardRow row(int64_t trial, double score, std::string params, std::string learner = "gbt") {
  LeaderboardRow made;
  made.trial = trial;
  made.learner = std::move(learner);
  made.score = score;
  made.params = std::move(params);
  return made;
}

// 60 trials, best first: the rate decides, the depth does not.
Leaderboard varied_board() {
  Leaderboard made;
  made.metric = "roc_auc";
  for (int i = 0; i < 60; ++i) {
    made.rows.push_back(
        row(i, 1 - 0.01 * i,
            fmt::format(R"({{"rate":{},"depth":{},"mode":"{}","fixed":3}})",
                        0.001 * std::pow(10, i / 20.0), 1 + i * 7 % 12, i % 2 == 0 ? "a" : "b")));
  }
  return made;
}

TEST(TrialParams, AreColumnsOfWhatVaried) {
  Leaderboard mixed = varied_board();
  mixed.rows.push_back(row(60, 0.1, R"({"rate":5,"depth":null})"));
  mixed.rows.push_back(row(61, 0.05, "no json"));
  mixed.rows.push_back(row(62, 0.5, R"({"l2":1})", "linear"));
  mixed.rows.push_back(row(-1, 0.99, R"({"members":2})", "ensemble"));
  LeaderboardRow failed = row(63, 0, "{}");
  failed.score.reset();
  mixed.rows.push_back(failed);
  const auto learners = trials_by_learner(mixed);
  ASSERT_EQ(learners.size(), 2u);
  EXPECT_EQ(learners[0].learner, "gbt");
  EXPECT_EQ(learners[0].scores.size(), 62u);
  EXPECT_TRUE(learners[1].columns.empty());
  // depth has a null and so is told by words; fixed does not vary.
  ASSERT_EQ(learners[0].columns.size(), 3u);
  const ParamColumn& depth = learners[0].columns[0];
  EXPECT_EQ(depth.name, "depth");
  EXPECT_FALSE(depth.is_number);
  const ParamColumn& mode = learners[0].columns[1];
  EXPECT_EQ(mode.choices, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(std::isnan(mode.values[61]));
  const ParamColumn& rate = learners[0].columns[2];
  EXPECT_TRUE(rate.log);
  EXPECT_DOUBLE_EQ(rate.place(0), 0);
  EXPECT_NEAR(rate.place(20), std::log(10) / std::log(5000), 1e-9);
  EXPECT_TRUE(std::isnan(rate.place(61)));
}

TEST(ParamImportance, FindsWhatDecides) {
  const auto learners = trials_by_learner(varied_board());
  const auto importance = param_importance(learners[0]);
  ASSERT_EQ(importance.size(), 3u);
  EXPECT_EQ(importance[0].name, "rate");
  EXPECT_GT(importance[0].share, 0.7);
  double sum = 0;
  for (const ParamImportance& param : importance) sum += param.share;
  EXPECT_NEAR(sum, 1, 1e-12);
}

TEST(ParamImportance, OfCategoriesIsThePearsonDivergence) {
  // 20 trials, the best 4 of kind a, of all 10: densities of one more trial that is half a, half b.
  LearnerTrials trials;
  ParamColumn kind;
  kind.name = "kind";
  kind.is_number = false;
  kind.choices = {"a", "b"};
  kind.high = 1;
  ParamColumn half = kind;
  half.name = "half";
  for (int i = 0; i < 20; ++i) {
    trials.scores.push_back(20 - i);
    kind.values.push_back(i < 10 ? 0 : 1);
    half.values.push_back(i < 4 ? (i < 3 ? 0 : 1) : i % 2);
  }
  trials.columns = {kind, half};
  const auto importance = param_importance(trials);
  ASSERT_EQ(importance.size(), 2u);
  EXPECT_EQ(importance[0].name, "kind");
  // kind: best (4.5, 0.5) / 5, all (10.5, 10.5) / 21: sum of 0.5 (0.9 / 0.5 - 1)^2 and of
  // 0.5 (0.1 / 0.5 - 1)^2 = 0.64. half: best (3.5, 1.5) / 5 = 0.7, 0.3; all have 3 + 8 of a and
  // 1 + 8 of b: (11.5, 9.5) / 21.
  const double a = 11.5 / 21;
  const double b = 9.5 / 21;
  const double second = a * std::pow(0.7 / a - 1, 2) + b * std::pow(0.3 / b - 1, 2);
  EXPECT_NEAR(importance[0].share, 0.64 / (0.64 + second), 1e-12);
}

TEST(ParamImportance, NeedsTrials) {
  Leaderboard few = varied_board();
  few.rows.resize(kLeastTrials - 1);
  EXPECT_TRUE(param_importance(trials_by_learner(few)[0]).empty());
  EXPECT_EQ(best_count(12), 4u);
  EXPECT_EQ(best_count(650), 65u);
}

TEST(ParallelChart, DrawsALineATrialWithTheBestApart) {
  const auto learners = trials_by_learner(varied_board());
  const Figure figure = parallel_figure(learners[0], "roc_auc");
  size_t lines = 0;
  for (size_t at = figure.svg.find('M'); at != std::string::npos;
       at = figure.svg.find('M', at + 1)) {
    ++lines;
  }
  EXPECT_EQ(lines, 60u);
  EXPECT_NE(figure.svg.find("wide s1"), std::string::npos);
  EXPECT_NE(figure.svg.find(">rate<"), std::string::npos);
  EXPECT_EQ(figure.legend[0].label, "best trial (roc_auc 1)");
  EXPECT_EQ(figure.note, "");
}

TEST(ParallelChart, ThinsManyTrialsAndSaysSo) {
  Leaderboard many;
  many.metric = "rmse";
  for (int i = 0; i < 2000; ++i) {
    many.rows.push_back(row(i, i, fmt::format(R"({{"x":{},"y":{}}})", i * 37 % 101, i % 13)));
  }
  const Figure figure = parallel_figure(trials_by_learner(many)[0], "rmse");
  EXPECT_NE(figure.note.find("300 of 2000 trials"), std::string::npos);
  EXPECT_LT(figure.svg.size(), 40'000u);
  many.rows.resize(2);
  EXPECT_EQ(parallel_figure(trials_by_learner(many)[0], "rmse").svg, "");
}

}  // namespace
}  // namespace assay::automl
