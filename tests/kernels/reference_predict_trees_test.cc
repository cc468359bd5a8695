#include <gtest/gtest.h>

#include "kernels/predict_trees.h"
#include "kernels/reference/reference_ops.h"
#include "tests/kernels/tree_nodes.h"

namespace assay::kernels {
namespace {

// Feature 0 <= 2 goes to {feature 1 in {5}: 10, else 20}, the rest to 30; values times `factor`.
Tree sample_tree(float factor, int32_t width) {
  Tree tree;
  tree.nodes = {split_node(0, 2, 1), split_node(1, 0, 3), leaf_node(0), leaf_node(1), leaf_node(2)};
  tree.nodes[1].category_set = 0;
  tree.category_sets.emplace_back();
  tree.category_sets[0].insert(5);
  for (const float value : {30.0f, 10.0f, 20.0f}) {
    for (int32_t k = 0; k < width; ++k) {
      tree.leaf_values.push_back(value * factor + static_cast<float>(k));
    }
  }
  tree.gains.assign(5, 0);
  tree.covers.assign(5, 0);
  return tree;
}

constexpr FeatureKind kKinds[2] = {FeatureKind::kNumeric, FeatureKind::kCategorical};
constexpr int32_t kBinCounts[2] = {5, 9};
// Rows: right, in the set, not in the set, missing (goes right).
constexpr uint8_t kBins[8] = {4, 5, 2, 5, 1, 6, 0, 5};

std::vector<double> predict(const Forest& forest, PredictTreesProblem problem,
                            const std::vector<uint32_t>& rows, std::vector<double> scores) {
  problem.feature_count = 2;
  problem.leaf_width = forest.leaf_width();
  problem.output_count = forest.output_count();
  PredictTreesArgs args;
  args.bins = {kBins, 4, 2, kBinCounts, kKinds};
  args.forest = forest.view();
  args.rows = rows.empty() ? nullptr : rows.data();
  args.scores = scores.data();
  const Status status = reference::predict_trees(OpContext{}, problem, args);
  EXPECT_TRUE(status) << status.error().message;
  return scores;
}

TEST(ReferencePredictTrees, AddsTheLeafOfEachRow) {
  Forest forest(1, 1);
  forest.append(sample_tree(1, 1));
  EXPECT_EQ(predict(forest, {4, 2, 0, 1}, {}, {0, 0.5, 0, 0}),
            (std::vector<double>{30, 10.5, 20, 30}));
}

TEST(ReferencePredictTrees, BoostingTreesTakeOutputsInTurn) {
  Forest forest(1, 2);
  for (const float factor : {1.0f, 2.0f, 3.0f}) forest.append(sample_tree(factor, 1));
  EXPECT_EQ(predict(forest, {1, 2, 0, 3}, {1}, {0, 0}), (std::vector<double>{40, 20}));
  EXPECT_EQ(predict(forest, {1, 2, 1, 2}, {1}, {0, 0}), (std::vector<double>{0, 20}));
}

TEST(ReferencePredictTrees, ForestTreesAddToAllOutputs) {
  Forest forest(3, 3);
  forest.append(sample_tree(1, 3));
  forest.append(sample_tree(2, 3));
  EXPECT_EQ(predict(forest, {1, 2, 0, 2}, {2}, {0, 0, 0}), (std::vector<double>{60, 62, 64}));
}

TEST(ReferencePredictTrees, RowsMayRepeatInAnyOrder) {
  Forest forest(1, 1);
  forest.append(sample_tree(1, 1));
  EXPECT_EQ(predict(forest, {3, 2, 0, 1}, {3, 1, 3}, {0, 0, 0}), (std::vector<double>{30, 10, 30}));
}

TEST(ReferencePredictTrees, StopsWhereTheRestCannotMatter) {
  Forest forest(1, 1);
  for (int t = 0; t < 20; ++t) forest.append(sample_tree(1, 1));  // each adds 10..30
  const auto bounds = LeafBounds::make(forest.view());
  PredictTreesArgs args;
  args.bins = {kBins, 4, 2, kBinCounts, kKinds};
  args.forest = forest.view();
  EarlyExit exit;
  exit.bounds = bounds.get();
  args.exit = &exit;
  const auto score = [&](double low, double high) {
    exit.rule = {DecisionRule::Kind::kSide, low, high, 0};
    double scores[1] = {0};
    args.scores = scores;
    EXPECT_TRUE(reference::predict_trees(OpContext{}, {1, 2, 0, 20, 1, 1}, args));
    return scores[0];
  };
  EXPECT_NEAR(score(100, 100), 200, 1e-3);  // before any tree: the least of all
  EXPECT_NEAR(score(500, 500), 520, 1e-3);  // after 16 of 30, and 4 of at least 10
  EXPECT_NEAR(score(700, 700), 600, 1e-3);  // the most of all
  EXPECT_EQ(score(590, 610), 600);          // undecided to the end: the sum
  double scores[1] = {0};
  args.scores = scores;
  EXPECT_FALSE(reference::predict_trees(OpContext{}, {1, 2, 0, 19, 1, 1}, args));
  exit.rule.kind = DecisionRule::Kind::kLargest;
  EXPECT_FALSE(reference::predict_trees(OpContext{}, {1, 2, 0, 20, 1, 1}, args));
  exit = {};
  EXPECT_FALSE(reference::predict_trees(OpContext{}, {1, 2, 0, 20, 1, 1}, args));
}

}  // namespace
}  // namespace assay::kernels
