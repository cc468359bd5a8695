// Trees worked out by hand. Gradients are whole numbers, which the power-of-two scales keep exact.
#include "kernels/base/rng.h"
#include "kernels/tree_rules.h"
#include "tests/kernels/tree_fixture.h"

namespace assay::kernels {
namespace {

// Four rows in bins 1..4 with gradients -1 -1 1 1. Splits after bin 1, 2, 3 gain
// 1 + 1/3, 2 + 2, 1/3 + 1.
TreeTask four_rows() {
  TreeTask task;
  task.table = one_feature({1, 2, 3, 4}, 5);
  task.gradients = {-1, -1, 1, 1};
  task.params.max_leaves = 2;
  return task;
}

TEST(ReferenceGrowTree, TakesTheSplitOfGreatestGain) {
  const GrownTree grown = grow(four_rows());
  ASSERT_TRUE(grown.status);
  ASSERT_EQ(grown.tree.nodes.size(), 3u);
  EXPECT_EQ(grown.node(0).feature, 0);
  EXPECT_EQ(grown.node(0).threshold, 2);
  EXPECT_EQ(grown.node(0).left, 1);
  EXPECT_EQ(grown.node(0).category_set, -1);
  EXPECT_EQ(grown.tree.gains, (std::vector<float>{4, 0, 0}));
  EXPECT_EQ(grown.tree.covers, (std::vector<float>{4, 2, 2}));
  EXPECT_EQ(grown.tree.leaf_values, (std::vector<float>{1, -1}));
  EXPECT_EQ(grown.leaf_of, (std::vector<int32_t>{0, 0, 1, 1}));
}

TEST(ReferenceGrowTree, L2ShrinksGainAndLeaves) {
  TreeTask task = four_rows();
  task.params.l2 = 1;
  const GrownTree grown = grow(task);
  EXPECT_FLOAT_EQ(grown.tree.gains[0], 8.0f / 3);
  EXPECT_FLOAT_EQ(grown.tree.leaf_values[0], 2.0f / 3);
}

TEST(ReferenceGrowTree, L1IsTakenOffTheGradient) {
  TreeTask task = four_rows();
  task.params.l1 = 1;
  const GrownTree grown = grow(task);
  EXPECT_FLOAT_EQ(grown.tree.gains[0], 1.0f);  // 1/2 + 1/2
  EXPECT_EQ(grown.tree.leaf_values, (std::vector<float>{0.5f, -0.5f}));
}

TEST(ReferenceGrowTree, LeafScaleMultipliesLeaves) {
  TreeTask task = four_rows();
  task.params.leaf_scale = 0.25;
  EXPECT_EQ(grow(task).tree.leaf_values, (std::vector<float>{0.25f, -0.25f}));
}

TEST(ReferenceGrowTree, MinChildSamplesForbidsSmallSides) {
  TreeTask task = four_rows();
  task.gradients = {-5, 1, 1, 1};  // the best split would cut off row 0
  EXPECT_EQ(grow(task).node(0).threshold, 1);
  task.params.min_child_samples = 2;
  EXPECT_EQ(grow(task).node(0).threshold, 2);
  task.params.min_child_samples = 3;
  EXPECT_EQ(grow(task).tree.nodes.size(), 1u);
}

TEST(ReferenceGrowTree, MinChildWeightIsAHessianSum) {
  TreeTask task = four_rows();
  task.hessians = {0.25f, 0.25f, 0.25f, 0.25f};
  task.params.min_child_weight = 0.5;
  EXPECT_EQ(grow(task).node(0).threshold, 2);
  task.params.min_child_weight = 0.51;
  EXPECT_EQ(grow(task).tree.nodes.size(), 1u);
}

TEST(ReferenceGrowTree, GainMustExceedMinGain) {
  TreeTask task = four_rows();
  task.params.min_gain = 3.99;
  EXPECT_EQ(grow(task).tree.nodes.size(), 3u);
  task.params.min_gain = 4;
  EXPECT_EQ(grow(task).tree.nodes.size(), 1u);
}

TEST(ReferenceGrowTree, EqualGradientsAreNotSplit) {
  TreeTask task = four_rows();
  task.gradients = {3, 3, 3, 3};
  task.params.max_leaves = 31;
  const GrownTree grown = grow(task);
  EXPECT_EQ(grown.tree.nodes.size(), 1u);
  EXPECT_EQ(grown.tree.leaf_values, (std::vector<float>{-3}));
}

TEST(ReferenceGrowTree, SidesNeedHessian) {
  TreeTask task = four_rows();
  task.hessians = {0, 0, 1, 1};
  const GrownTree grown = grow(task);
  EXPECT_EQ(grown.node(0).threshold, 3);  // 1 and 2 have no hessian on the left
  task.hessians = {0, 0, 0, 0};
  const GrownTree flat = grow(task);
  EXPECT_EQ(flat.tree.nodes.size(), 1u);
  EXPECT_EQ(flat.tree.leaf_values, (std::vector<float>{0}));
}

TEST(ReferenceGrowTree, MissingRowsGoWhereTheyHelp) {
  TreeTask task;
  task.table = one_feature({0, 1, 2}, 3);
  task.gradients = {1, -1, 1};
  task.params.max_leaves = 2;
  GrownTree grown = grow(task);
  EXPECT_EQ(grown.node(0).missing_left, 0);
  EXPECT_FLOAT_EQ(grown.tree.gains[0], 3.0f - 1.0f / 3);  // 1/1 + 4/2 - 1/3
  EXPECT_EQ(grown.leaf_of, (std::vector<int32_t>{1, 0, 1}));
  task.gradients = {-1, -1, 1};
  grown = grow(task);
  EXPECT_EQ(grown.node(0).missing_left, 1);
  EXPECT_EQ(grown.leaf_of, (std::vector<int32_t>{0, 0, 1}));
}

TEST(ReferenceGrowTree, MissingRowsCanBeCutOffAlone) {
  TreeTask task;
  task.table = one_feature({0, 0, 3, 3}, 5);
  task.gradients = {-1, -1, 1, 1};
  const GrownTree grown = grow(task);
  ASSERT_EQ(grown.tree.nodes.size(), 3u);
  EXPECT_EQ(grown.node(0).threshold, 1);  // 3 with missing right is as good, and later
  EXPECT_EQ(grown.node(0).missing_left, 1);
  EXPECT_FLOAT_EQ(grown.tree.gains[0], 4.0f);
}

TEST(ReferenceGrowTree, WithoutMissingRowsMissingFollowsTheLargerSide) {
  TreeTask task;
  task.params.max_leaves = 2;
  task.table = one_feature({1, 2, 2}, 3);
  task.gradients = {-1, 1, 1};
  EXPECT_EQ(grow(task).node(0).missing_left, 0);
  task.table = one_feature({1, 1, 2}, 3);
  task.gradients = {-1, -1, 1};
  EXPECT_EQ(grow(task).node(0).missing_left, 1);
  task.table = one_feature({1, 2}, 3);
  task.gradients = {-1, 1};
  EXPECT_EQ(grow(task).node(0).missing_left, 1);
}

TEST(ReferenceGrowTree, TiesGoToTheLowestFeatureAndThreshold) {
  TreeTask task;
  task.table.rows = {{1, 1, 1}, {1, 1, 1}, {1, 4, 4}, {1, 4, 4}};
  task.table.bin_counts = {2, 6, 6};
  task.gradients = {-1, -1, 1, 1};
  const GrownTree grown = grow(task);
  EXPECT_EQ(grown.node(0).feature, 1);
  EXPECT_EQ(grown.node(0).threshold, 1);
}

TEST(ReferenceGrowTree, MaskedFeaturesAreNotUsed) {
  TreeTask task;
  task.table.rows = {{1, 1}, {2, 1}, {2, 2}};
  task.table.bin_counts = {3, 3};
  task.gradients = {-2, 1, 1};
  EXPECT_EQ(grow(task).node(0).feature, 0);
  task.mask = {0, 1};
  EXPECT_EQ(grow(task).node(0).feature, 1);
  task.mask = {0, 0};
  EXPECT_EQ(grow(task).tree.nodes.size(), 1u);
}

// Gradients -5 -4 3 9: the root splits in the middle; then the right side gains 18, the left 0.5.
TreeTask lopsided() {
  TreeTask task = four_rows();
  task.gradients = {-5, -4, 3, 9};
  task.params.max_leaves = 31;
  return task;
}

TEST(ReferenceGrowTree, LeafWiseSplitsTheGreatestGainNext) {
  TreeTask task = lopsided();
  const GrownTree grown = grow(task);
  ASSERT_EQ(grown.tree.nodes.size(), 7u);
  EXPECT_EQ(grown.node(2).left, 3);
  EXPECT_EQ(grown.node(1).left, 5);
  EXPECT_EQ(grown.tree.gains, (std::vector<float>{110.25f, 0.5f, 18, 0, 0, 0, 0}));
  EXPECT_EQ(grown.leaf_of, (std::vector<int32_t>{2, 3, 0, 1}));
  EXPECT_EQ(grown.tree.leaf_values, (std::vector<float>{-3, -9, 5, 4}));
  task.params.max_leaves = 3;
  const GrownTree cut = grow(task);
  ASSERT_EQ(cut.tree.nodes.size(), 5u);
  EXPECT_TRUE(cut.node(1).is_leaf());
  EXPECT_EQ(cut.leaf_of, (std::vector<int32_t>{0, 0, 1, 2}));
}

TEST(ReferenceGrowTree, DepthWiseSplitsInOrderOfNumber) {
  TreeTask task = lopsided();
  task.params.growth = GrowthPolicy::kDepthWise;
  const GrownTree grown = grow(task);
  ASSERT_EQ(grown.tree.nodes.size(), 7u);
  EXPECT_EQ(grown.node(1).left, 3);
  EXPECT_EQ(grown.node(2).left, 5);
  task.params.max_leaves = 3;
  const GrownTree cut = grow(task);
  EXPECT_FALSE(cut.node(1).is_leaf());
  EXPECT_TRUE(cut.node(2).is_leaf());
}

TEST(ReferenceGrowTree, MaxDepthEndsBranches) {
  TreeTask task = lopsided();
  task.params.max_depth = 1;
  EXPECT_EQ(grow(task).tree.nodes.size(), 3u);
  task.params.max_depth = 0;
  const GrownTree leaf = grow(task);
  EXPECT_EQ(leaf.tree.nodes.size(), 1u);
  EXPECT_EQ(leaf.tree.leaf_values, (std::vector<float>{-0.75f}));
}

TEST(ReferenceGrowTree, SamplesKeepTheirOwnPositions) {
  TreeTask task = four_rows();
  task.rows = {1, 3};
  const GrownTree grown = grow(task);
  ASSERT_EQ(grown.tree.nodes.size(), 3u);
  EXPECT_EQ(grown.leaf_of, (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(grown.tree.covers, (std::vector<float>{2, 1, 1}));
}

TEST(ReferenceGrowTree, LeavesUseUnquantisedGradients) {
  TreeTask task = four_rows();
  task.gradients = {0.3f, 0.3f, 0.3f, 0.1f};
  task.params.gradient_bits = 2;
  task.params.max_depth = 0;
  EXPECT_NEAR(grow(task).tree.leaf_values[0], -0.25, 1e-7);
}

TEST(ReferenceGrowTree, ColumnsPerNodeComeFromTheNodesKey) {
  TreeTask task;
  task.table.rows = {{1, 1, 1, 1}, {2, 2, 2, 2}};
  task.table.bin_counts = {3, 3, 3, 3};
  task.gradients = {-1, 1};
  task.params.columns_per_node = 1;
  std::vector<int> used(4, 0);
  for (task.seed = 0; task.seed < 40; ++task.seed) {
    Rng rng(derive_seed(task.seed, "columns"));
    const auto expected = static_cast<int32_t>(rng.below(4));
    EXPECT_EQ(grow(task).node(0).feature, expected) << "seed " << task.seed;
    ++used[static_cast<size_t>(expected)];
  }
  for (const int count : used) EXPECT_GT(count, 0);
}

TEST(ReferenceGrowTree, RandomThresholdLiesBetweenTheNodesBins) {
  TreeTask task;
  task.table = one_feature({2, 4, 6}, 200);
  task.gradients = {-1, 0, 1};
  task.params.random_thresholds = true;
  task.params.max_leaves = 2;
  for (task.seed = 0; task.seed < 20; ++task.seed) {
    Rng rng(derive_seed(task.seed, "feature", 0));
    EXPECT_EQ(grow(task).node(0).threshold, 2 + static_cast<int>(rng.below(4)));
  }
  task.table = one_feature({2, 2, 2}, 200);
  EXPECT_EQ(grow(task).tree.nodes.size(), 1u);
}

TEST(ReferenceGrowTree, EmptySampleIsOneLeafOfZero) {
  TreeTask task = four_rows();
  Tree tree;
  GrowTreeProblem problem;
  problem.row_count = 4;
  problem.feature_count = 0;
  problem.class_count = 3;
  GrowTreeArgs args;
  args.bins.row_count = 4;
  args.tree = &tree;
  ASSERT_TRUE(reference::grow_tree(OpContext{}, problem, args));
  EXPECT_EQ(tree.nodes.size(), 1u);
  EXPECT_EQ(tree.leaf_values, (std::vector<float>{0, 0, 0}));
}

TEST(ReferenceGrowTree, StopTokenEndsIt) {
  StopToken stop;
  stop.request();
  std::vector<int32_t> leaf_of(2);
  const std::vector<uint8_t> bins{1, 2};
  const std::vector<int32_t> bin_counts{3};
  const std::vector<FeatureKind> kinds{FeatureKind::kNumeric};
  const std::vector<uint32_t> rows{0, 1};
  const std::vector<float> gradients{-1, 1};
  const std::vector<float> hessians{1, 1};
  Tree tree;
  GrowTreeArgs args;
  args.bins = {bins.data(), 2, 1, bin_counts.data(), kinds.data()};
  args.rows = rows.data();
  args.gradients = gradients.data();
  args.hessians = hessians.data();
  args.max_abs_gradient = args.max_hessian = 1;
  args.tree = &tree;
  args.leaf_of = leaf_of.data();
  GrowTreeProblem problem;
  problem.row_count = problem.sample_count = 2;
  problem.feature_count = 1;
  const Status status = reference::grow_tree(OpContext{nullptr, nullptr, &stop}, problem, args);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, StatusCode::kCancelled);
}

}  // namespace
}  // namespace assay::kernels
