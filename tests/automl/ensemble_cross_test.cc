#include <gtest/gtest.h>

#include <algorithm>

#include "automl/ensemble/cross_selection.h"
#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

// Models that draw the probability of class 1 whatever the truth is.
struct Noise {
  Noise(size_t rows, size_t models) : labels(rows) {
    Rng rng(29);
    for (size_t row = 0; row < rows; ++row) labels[row] = static_cast<int32_t>(row % 2);
    for (size_t model = 0; model < models; ++model) {
      std::vector<float>& values = predictions.emplace_back();
      for (size_t row = 0; row < rows; ++row) {
        const auto p = static_cast<float>(rng.next_double());
        values.push_back(1 - p);
        values.push_back(p);
      }
    }
    for (const auto& one : predictions) {
      views.push_back({one.data(), static_cast<int64_t>(rows), 2});
    }
    problem.candidates = views;
    problem.targets = {labels, {}};
    problem.metric = &metric;
  }

  Metric metric = *Metric::find("roc_auc");
  std::vector<int32_t> labels;
  std::vector<std::vector<float>> predictions;
  std::vector<PredictionView> views;
  SelectionProblem problem;
};

TEST(CrossSelection, FindsNothingInNoise) {
  const Noise noise(60, 80);
  SerialExecutor executor;
  const StopToken stop;
  const auto selection = select_ensemble(noise.problem, {}, executor, stop);
  ASSERT_TRUE(selection);
  EXPECT_GT(selection->score, 0.8) << "on the rows that chose it";
  const auto scores = cross_selected_scores(noise.problem, {}, executor, stop);
  ASSERT_TRUE(scores) << scores.error().message;
  for (const double score : {scores->blend, scores->single}) {
    EXPECT_GT(score, 0.3);
    EXPECT_LT(score, 0.7) << "on the others";
  }
}

TEST(CrossSelection, KnowsAGoodModel) {
  Noise noise(60, 20);
  for (size_t row = 0; row < 60; ++row) {
    noise.predictions[7][2 * row + 1] = noise.labels[row] == 1 ? 0.9f : 0.1f;
    noise.predictions[7][2 * row] = 1 - noise.predictions[7][2 * row + 1];
  }
  SerialExecutor executor;
  const StopToken stop;
  const auto scores = cross_selected_scores(noise.problem, {}, executor, stop);
  ASSERT_TRUE(scores) << scores.error().message;
  EXPECT_EQ(scores->blend, 1);
  EXPECT_EQ(scores->single, 1);
}

// Four rows in two folds, 0 0 1 1, for rmse.
struct TwoFolds {
  TwoFolds(std::vector<double> values, std::vector<std::vector<float>> models)
      : targets(std::move(values)), predictions(std::move(models)) {
    for (const auto& one : predictions) views.push_back({one.data(), 4, 1});
    problem.candidates = views;
    problem.targets = {{}, targets};
    problem.metric = &metric;
    problem.parts = folds;
  }

  Metric metric = *Metric::find("rmse");
  std::vector<double> targets;
  std::vector<std::vector<float>> predictions;
  std::vector<int32_t> folds = {0, 0, 1, 1};
  std::vector<PredictionView> views;
  SelectionProblem problem;
};

// By itself each fold chooses the model that is off by 1 everywhere. A blend of it with one that is
// off by 4 the other way looks perfect on the first fold, where alone that is so.
TEST(CrossSelection, ShowsWhereABlendOnlyFitsTheRowsThatChoseIt) {
  const TwoFolds folds({0, 0, 0, 0}, {{1, 1, 1, 1}, {4, 4, 4, 4}, {-4, -4, 9, 9}});
  SerialExecutor executor;
  const auto scores = cross_selected_scores(folds.problem, {}, executor, StopToken());
  ASSERT_TRUE(scores) << scores.error().message;
  EXPECT_EQ(scores->single, 1);
  EXPECT_GT(scores->blend, 1.1);
}

// Each fold chooses the constant that is its own value and wrong for the other: the error is 1 for
// every row.
TEST(CrossSelection, LetsNoFoldBeScoredByItsOwnChoice) {
  const TwoFolds folds({0, 0, 1, 1}, {{0, 0, 0, 0}, {1, 1, 1, 1}});
  EXPECT_EQ(selection_halves(folds.problem, 1), (std::vector<uint8_t>{0, 0, 1, 1}));
  SerialExecutor executor;
  const auto scores = cross_selected_scores(folds.problem, {}, executor, StopToken());
  ASSERT_TRUE(scores) << scores.error().message;
  EXPECT_EQ(scores->blend, 1);
  EXPECT_EQ(scores->single, 1);
}

// Sixteen rows a group that are all of one class, and models of noise that say the same of all of
// them: rows of the groups that chose are no other rows.
TEST(CrossSelection, FindsNothingInGroupsOfNoise) {
  Noise noise(640, 80);
  std::vector<int32_t> blocks;
  for (size_t row = 0; row < 640; ++row) {
    const size_t first = row / 16 * 16;
    blocks.push_back(static_cast<int32_t>(row / 16 / 4));
    noise.labels[row] = static_cast<int32_t>(row / 16 % 2);
    for (auto& said : noise.predictions) {
      said[2 * row] = said[2 * first];
      said[2 * row + 1] = said[2 * first + 1];
    }
  }
  SerialExecutor executor;
  const auto flattered = cross_selected_scores(noise.problem, {}, executor, StopToken());
  ASSERT_TRUE(flattered) << flattered.error().message;
  EXPECT_GT(flattered->blend, 0.8) << "half of each group's rows chose";
  noise.problem.blocks = blocks;
  const auto scores = cross_selected_scores(noise.problem, {}, executor, StopToken());
  ASSERT_TRUE(scores) << scores.error().message;
  for (size_t row = 0; row < 640; ++row) EXPECT_EQ(scores->halves[row], blocks[row] % 2);
  EXPECT_GT(scores->blend, 0.3);
  EXPECT_LT(scores->blend, 0.7);
}

TEST(CrossSelection, NeedsTwoBlocks) {
  Noise noise(60, 3);
  const std::vector<int32_t> blocks(60, 0);
  noise.problem.blocks = blocks;
  SerialExecutor executor;
  const auto scores = cross_selected_scores(noise.problem, {}, executor, StopToken());
  ASSERT_FALSE(scores);
  EXPECT_EQ(scores.error().code, StatusCode::kData);
  EXPECT_NE(scores.error().message.find("of one group or time"), std::string::npos);
}

// A model that is right early and one that is right late: what was right early is asked of later
// rows, and what was right late of none.
TEST(CrossSelection, AsksOnlyLaterRowsInTime) {
  TwoFolds folds({0, 0, 1, 1}, {{0, 0, 3, 3}, {7, 7, 1, 1}});
  SerialExecutor executor;
  for (const bool blocks : {false, true}) {
    if (blocks) {
      folds.problem.blocks = folds.folds;
      folds.problem.parts = {};
    }
    folds.problem.in_time = true;
    const auto scores = cross_selected_scores(folds.problem, {}, executor, StopToken());
    ASSERT_TRUE(scores) << scores.error().message;
    EXPECT_EQ(scores->halves, (std::vector<uint8_t>{0, 0, 1, 1}));
    EXPECT_EQ(scores->blend, 2);
    EXPECT_EQ(scores->single, 2);
    EXPECT_EQ(scores->weights[0], (std::vector<double>{1, 0}));
    EXPECT_TRUE(scores->weights[1].empty());
  }
}

TEST(CrossSelection, PartsFoldsInTimeInTheMiddle) {
  Noise noise(50, 2);
  std::vector<int32_t> folds;
  for (int32_t row = 0; row < 50; ++row) folds.push_back(row / 10);
  noise.problem.parts = folds;
  noise.problem.in_time = true;
  const std::vector<uint8_t> halves = selection_halves(noise.problem, 1);
  for (size_t row = 0; row < 50; ++row) EXPECT_EQ(halves[row], row < 30 ? 0 : 1) << row;
}

TEST(CrossSelection, PartsAHoldoutWithinItsClasses) {
  Noise noise(41, 2);
  const std::vector<uint8_t> halves = selection_halves(noise.problem, 3);
  int counts[2][2] = {};
  for (size_t row = 0; row < halves.size(); ++row) ++counts[noise.labels[row]][halves[row]];
  for (const auto& of_class : counts) EXPECT_LE(std::abs(of_class[0] - of_class[1]), 1);
  EXPECT_NE(halves, selection_halves(noise.problem, 4));
}

TEST(CrossSelection, NeedsTimeAndTwoRows) {
  const Noise noise(60, 3);
  SerialExecutor executor;
  StopToken stop;
  stop.request();
  EXPECT_EQ(cross_selected_scores(noise.problem, {}, executor, stop).error().code,
            StatusCode::kCancelled);
  const Noise one(1, 2);
  EXPECT_EQ(cross_selected_scores(one.problem, {}, executor, StopToken()).error().code,
            StatusCode::kData);
  EXPECT_EQ(cross_selected_scores(SelectionProblem(), {}, executor, StopToken()).error().code,
            StatusCode::kInvalidArgument);
}

TEST(GreedySelection, CountsOnlyTheRowsItIsGiven) {
  const std::vector<double> targets = {0, 0, 9, 9};
  const std::vector<float> low(4, 0.0f);
  const std::vector<float> high(4, 9.0f);
  const std::vector<PredictionView> views = {{high.data(), 4, 1}, {low.data(), 4, 1}};
  const Metric metric = *Metric::find("rmse");
  const std::vector<uint32_t> rows = {0, 1};
  SelectionProblem problem;
  problem.candidates = views;
  problem.targets = {{}, targets};
  problem.metric = &metric;
  problem.rows = rows;
  SerialExecutor executor;
  const auto selection = select_ensemble(problem, {}, executor, StopToken());
  ASSERT_TRUE(selection);
  EXPECT_EQ(selection->weights, (std::vector<double>{0, 1}));
  EXPECT_EQ(selection->score, 0);
}

}  // namespace
}  // namespace assay::automl
