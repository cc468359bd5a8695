// tree_shap by hand, what its plan says of a forest, and its range checks.
#include <gmock/gmock.h>

#include <cmath>

#include "kernels/reference/reference_ops.h"
#include "kernels/tree_shap_plan.h"
#include "tests/kernels/tree_nodes.h"

namespace assay::kernels {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;

// Splits on feature 0, then on feature 1 where 0 is high: 8 times `factor` there if 1 is high too,
// else 0. Of eight rows four have 0 high, and two of these 1.
Tree both_high(float factor, int32_t width) {
  Tree tree;
  tree.nodes = {split_node(0, 1, 1), leaf_node(0), split_node(1, 1, 3), leaf_node(1), leaf_node(2)};
  for (const float value : {0.0f, 0.0f, 8.0f}) {
    for (int32_t k = 0; k < width; ++k) {
      tree.leaf_values.push_back(value * factor * static_cast<float>(k + 1));
    }
  }
  tree.gains.assign(5, 0);
  tree.covers = {8, 4, 4, 2, 2};
  return tree;
}

// Splits again and again on the next of `features` features where the one before was low.
Tree chain(int32_t features) {
  Tree tree;
  for (int32_t f = 0; f < features; ++f) {
    if (f > 0) tree.nodes[static_cast<size_t>(2 * f - 1)] = split_node(f, 1, 2 * f + 1);
    if (f == 0) tree.nodes = {split_node(0, 1, 1)};
    tree.nodes.resize(tree.nodes.size() + 2);
  }
  int32_t leaf = 0;
  for (TreeNode& node : tree.nodes) {
    if (!node.is_leaf()) continue;
    node.left = leaf++;
    tree.leaf_values.push_back(1);
  }
  tree.gains.assign(tree.nodes.size(), 0);
  tree.covers.assign(tree.nodes.size(), 1);
  return tree;
}

constexpr FeatureKind kShapKinds[2] = {FeatureKind::kNumeric, FeatureKind::kNumeric};
constexpr int32_t kShapBinCounts[2] = {3, 3};
// Rows: both low, both high, only the second high.
constexpr uint8_t kShapBins[6] = {1, 1, 2, 2, 1, 2};

std::vector<double> contributions(const Forest& forest, const std::vector<uint32_t>& rows,
                                  double start = 0) {
  const TreeShapPlan plan(forest, 2);
  TreeShapArgs args;
  args.bins = {kShapBins, 3, 2, kShapBinCounts, kShapKinds};
  args.forest = forest.view();
  args.shap = plan.view();
  args.rows = rows.data();
  std::vector<double> out(rows.size() * static_cast<size_t>(forest.output_count()) * 2, start);
  args.out = out.data();
  const Status status =
      reference::tree_shap({}, plan.problem(static_cast<int64_t>(rows.size())), args);
  EXPECT_TRUE(status) << status.error().message;
  return out;
}

auto near(double value) { return DoubleNear(value, 1e-13); }

// Worth knowing nothing 8 / 4 = 2, feature 0 high 4, feature 1 high 4, both 8: 0 adds (2 + 4) / 2.
// With both low: 0 low is worth 0 whatever 1 is; 1 low alone 0 too: each (-2 + 0) / 2. With 0 low
// and 1 high: 0 adds (-2 - 4) / 2, 1 adds (2 + 0) / 2.
TEST(ReferenceTreeShap, GivesTheValuesOfASmallTreeByHand) {
  Forest forest(1, 1);
  forest.append(both_high(1, 1));
  EXPECT_THAT(contributions(forest, {1, 0, 2}),
              ElementsAre(near(3), near(3), near(-1), near(-1), near(-3), near(1)));
  EXPECT_THAT(TreeShapPlan(forest, 2).expected(), ElementsAre(2));
}

TEST(ReferenceTreeShap, AddsToWhatIsThere) {
  Forest forest(1, 1);
  forest.append(both_high(1, 1));
  EXPECT_THAT(contributions(forest, {1, 1}, 10),
              ElementsAre(near(13), near(13), near(13), near(13)));
}

TEST(ReferenceTreeShap, BoostingTreesTakeOutputsInTurn) {
  Forest forest(1, 2);
  for (const float factor : {1.0f, 10.0f, 2.0f, 20.0f}) forest.append(both_high(factor, 1));
  EXPECT_THAT(contributions(forest, {1}),
              ElementsAre(near(9), near(9), DoubleNear(90, 1e-12), DoubleNear(90, 1e-12)));
}

TEST(ReferenceTreeShap, ForestTreesAddToAllOutputs) {
  Forest forest(2, 2);
  for (const float factor : {1.0f, 2.0f}) forest.append(both_high(factor, 2));
  EXPECT_THAT(contributions(forest, {0}), ElementsAre(near(-3), near(-3), near(-6), near(-6)));
}

TEST(TreeShapPlan, ListsNodesDepthFirstWithTheSharesOfTheirPaths) {
  Forest forest(1, 1);
  Tree tree = both_high(1, 1);
  tree.nodes[2].feature = 0;  // the same feature twice
  tree.covers = {8, 4, 4, 1, 3};
  forest.append(tree);
  const TreeShapPlan plan(forest, 2);
  const auto steps = plan.steps();
  ASSERT_EQ(steps.size(), 5u);
  std::vector<double> shares;
  std::vector<int32_t> leaves, above, before, depths;
  for (const ShapStep& step : steps) {
    shares.push_back(step.share);
    leaves.push_back(step.leaf);
    above.push_back(step.above);
    before.push_back(step.before);
    depths.push_back(step.depth);
  }
  EXPECT_THAT(shares, ElementsAre(1, 0.5, 0.5, 0.125, 0.375));
  EXPECT_THAT(leaves, ElementsAre(-1, 0, -1, 1, 2));
  EXPECT_THAT(above, ElementsAre(0, 0, 0, 2, 2));
  EXPECT_THAT(before, ElementsAre(0, 0, 0, 2, 2));
  EXPECT_THAT(depths, ElementsAre(0, 1, 1, 2, 2));
  EXPECT_FALSE(steps[2].is_left(2));
  EXPECT_TRUE(steps[3].is_left(3));
  const TreeShapProblem problem = plan.problem(7);
  EXPECT_EQ(problem.row_count, 7);
  EXPECT_EQ(problem.most_depth, 2);
  EXPECT_EQ(problem.most_nodes, 5);
  EXPECT_EQ(problem.work, 5);
}

// n points integrate polynomials of degree 2 n - 1: that of t^k over [0, 1] is 1 / (k + 1).
TEST(TreeShapPlan, TakesAsManyPointsAsPathsNeed) {
  Forest forest(1, 1);
  const std::vector<int32_t> counts = {1, 2, 3, 4, 9, 2, 61};
  for (const int32_t features : counts) forest.append(chain(features));
  const TreeShapPlan plan(forest, 61);
  for (size_t t = 0; t < counts.size(); ++t) {
    const ShapTree& tree = plan.trees()[t];
    ASSERT_EQ(tree.point_count, (counts[t] + 1) / 2);
    EXPECT_EQ(tree.step_count, 2 * counts[t] + 1);
    for (int32_t power = 0; power < 2 * tree.point_count; ++power) {
      double sum = 0;
      for (int32_t q = 0; q < tree.point_count; ++q) {
        const auto at = static_cast<size_t>(tree.point_offset + q);
        sum += plan.weights()[at] * std::pow(plan.points()[at], power);
      }
      EXPECT_NEAR(sum, 1.0 / (power + 1), 1e-13) << counts[t] << " " << power;
    }
  }
  EXPECT_EQ(plan.trees()[1].point_offset, plan.trees()[5].point_offset);
}

TEST(TreeShapCheck, RefusesSizesThatDoNotFit) {
  Forest forest(1, 1);
  forest.append(both_high(1, 1));
  const TreeShapPlan plan(forest, 2);
  std::vector<double> out(6);
  TreeShapArgs args;
  args.bins = {kShapBins, 3, 2, kShapBinCounts, kShapKinds};
  args.forest = forest.view();
  args.shap = plan.view();
  args.out = out.data();
  EXPECT_TRUE(check_problem(plan.problem(3), args));
  const auto message = [&](auto change) {
    TreeShapProblem problem = plan.problem(3);
    change(problem);
    const Status status = check_problem(problem, args);
    return status ? std::string() : status.error().message;
  };
  EXPECT_EQ(message([](auto& p) { p.tree_count = 2; }),
            "tree_shap: 2 trees (must be the forest's 1)");
  EXPECT_EQ(message([](auto& p) { p.leaf_width = 2; }),
            "tree_shap: leaf_width=2, output_count=1 (must be the forest's 1 and 1)");
  EXPECT_EQ(message([](auto& p) { p.row_count = 4; }), "tree_shap: row_count=4 (must be 0..3)");
  EXPECT_EQ(message([](auto& p) { p.row_count = -1; }), "tree_shap: row_count=-1 (must be 0..3)");
  EXPECT_EQ(message([](auto& p) { p.feature_count = 3; }),
            "tree_shap: feature_count=3 (must be the 2 of the bins)");
  EXPECT_THAT(message([](auto& p) { p.most_nodes = 0; }), HasSubstr("most_nodes=0"));
  args.shap.weights = nullptr;
  EXPECT_EQ(message([](auto&) {}), "tree_shap: an array of shap is null");
  args.shap = plan.view();
  args.out = nullptr;
  EXPECT_EQ(message([](auto&) {}), "tree_shap: out is null");
  EXPECT_EQ(message([](auto& p) { p.row_count = 0; }), "");
}

}  // namespace
}  // namespace assay::kernels
