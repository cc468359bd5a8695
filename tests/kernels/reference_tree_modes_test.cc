// Trees worked out by hand: categorical features and class mode.
#include "kernels/base/rng.h"
#include "tests/kernels/tree_fixture.h"

namespace assay::kernels {
namespace {

// The bins of a node's set.
std::vector<int> set_of(const GrownTree& grown, size_t node) {
  std::vector<int> bins;
  const int32_t index = grown.node(node).category_set;
  if (index < 0) return bins;
  for (int bin = 0; bin < 256; ++bin) {
    if (grown.tree.category_sets.at(static_cast<size_t>(index)).contains(static_cast<uint8_t>(bin)))
      bins.push_back(bin);
  }
  return bins;
}

// Levels 2, 3, 4 with two rows each, gradients -1, 3, -1. The node scores 4/6. Level 3 against the
// others gains 36/2 + 16/4 - 4/6.
TreeTask three_levels() {
  TreeTask task;
  task.table = one_feature({2, 2, 3, 3, 4, 4}, 5, FeatureKind::kCategorical);
  task.gradients = {-1, -1, 3, 3, -1, -1};
  task.params.max_leaves = 2;
  task.params.category_smooth = 0;
  task.params.category_l2 = 0;
  return task;
}

TEST(ReferenceCategories, FewLevelsAreTriedOneAgainstAll) {
  const GrownTree grown = grow(three_levels());
  EXPECT_EQ(set_of(grown, 0), (std::vector<int>{3}));
  EXPECT_FLOAT_EQ(grown.tree.gains[0], 22.0f - 4.0f / 6);
  EXPECT_EQ(grown.leaf_of, (std::vector<int32_t>{1, 1, 0, 0, 1, 1}));
  EXPECT_EQ(grown.tree.leaf_values, (std::vector<float>{-3, 1}));
}

TEST(ReferenceCategories, ManyLevelsAreSortedByGradient) {
  TreeTask task = three_levels();
  task.params.onehot_levels = 2;
  const GrownTree grown = grow(task);
  // Ascending 2, 4, 3: {2, 4} is as good as the descending {3}, and comes first.
  EXPECT_EQ(set_of(grown, 0), (std::vector<int>{2, 4}));
  EXPECT_FLOAT_EQ(grown.tree.gains[0], 22.0f - 4.0f / 6);
}

TEST(ReferenceCategories, PrefixesAreBounded) {
  TreeTask task = three_levels();
  task.params.onehot_levels = 0;
  task.params.max_category_levels = 1;
  EXPECT_EQ(set_of(grow(task), 0), (std::vector<int>{3}));
}

TEST(ReferenceCategories, CategoryL2IsForSortedLevelsAlone) {
  TreeTask task = three_levels();
  task.params.category_l2 = 2;
  EXPECT_FLOAT_EQ(grow(task).tree.gains[0], 22.0f - 4.0f / 6);
  task.params.onehot_levels = 0;
  // 16 / (4 + 2) + 36 / (2 + 2) - 4 / (6 + 2)
  EXPECT_FLOAT_EQ(grow(task).tree.gains[0], 16.0f / 6 + 9 - 0.5f);
}

TEST(ReferenceCategories, SmoothingHoldsRareLevelsBack) {
  TreeTask task;
  // Level 2: one row of gradient -4; level 3: four rows of -3; level 4: five rows of 2.
  task.table = one_feature({2, 3, 3, 3, 3, 4, 4, 4, 4, 4}, 5, FeatureKind::kCategorical);
  task.gradients = {-4, -3, -3, -3, -3, 2, 2, 2, 2, 2};
  task.params.max_leaves = 2;
  task.params.onehot_levels = 0;
  task.params.category_l2 = 0;
  task.params.max_category_levels = 1;
  task.params.category_smooth = 0;
  // Ascending starts with 2 (-4), descending with 4: cutting 4 off gains more.
  EXPECT_EQ(set_of(grow(task), 0), (std::vector<int>{4}));
  task.gradients = {-4, -3, -3, -3, -3, 2, 2, 2, 2, -2};
  // Level 4 sums to 6. Without smoothing the order is 2, 3, 4; with much of it 3 (-12), 2 (-4), 4.
  EXPECT_EQ(set_of(grow(task), 0), (std::vector<int>{4}));
  task.params.category_smooth = 1e6;
  EXPECT_EQ(set_of(grow(task), 0), (std::vector<int>{4}));
  // With two levels a prefix of one level is all there is: the order is seen in who is first.
  task.table = one_feature({2, 3, 3, 3, 3}, 5, FeatureKind::kCategorical);
  task.gradients = {-4, -3, -3, -3, -3};
  task.params.category_smooth = 0;
  EXPECT_EQ(set_of(grow(task), 0), (std::vector<int>{2}));
  task.params.category_smooth = 1e6;
  EXPECT_EQ(set_of(grow(task), 0), (std::vector<int>{3}));
}

TEST(ReferenceCategories, MissingAndUnseenAreLevels) {
  TreeTask task;
  task.table = one_feature({0, 0, 1, 1}, 3, FeatureKind::kCategorical);
  task.gradients = {-1, -1, 1, 1};
  const GrownTree grown = grow(task);
  EXPECT_EQ(set_of(grown, 0), (std::vector<int>{0}));
  EXPECT_EQ(grown.leaf_of, (std::vector<int32_t>{0, 0, 1, 1}));
}

TEST(ReferenceCategories, OneLevelIsNoSplit) {
  TreeTask task;
  task.table = one_feature({2, 2, 2}, 9, FeatureKind::kCategorical);
  task.gradients = {-1, 0, 1};
  EXPECT_EQ(grow(task).tree.nodes.size(), 1u);
}

TEST(ReferenceCategories, RandomPrefixComesFromTheNodesKey) {
  TreeTask task = three_levels();
  task.params.random_thresholds = true;
  for (task.seed = 0; task.seed < 20; ++task.seed) {
    Rng rng(derive_seed(task.seed, "feature", 0));
    const std::vector<int> expected =
        rng.below(2) == 0 ? std::vector<int>{2} : std::vector<int>{2, 4};
    EXPECT_EQ(set_of(grow(task), 0), expected) << "seed " << task.seed;
  }
}

TreeTask two_classes() {
  TreeTask task;
  task.table = one_feature({1, 1, 2, 2}, 3);
  task.classes = {0, 0, 1, 1};
  task.class_count = 2;
  return task;
}

TEST(ReferenceClasses, GainIsTheGiniForm) {
  const GrownTree grown = grow(two_classes());
  ASSERT_EQ(grown.tree.nodes.size(), 3u);
  EXPECT_FLOAT_EQ(grown.tree.gains[0], 2.0f);  // 4/2 + 4/2 - 8/4
  EXPECT_EQ(grown.tree.leaf_values, (std::vector<float>{1, 0, 0, 1}));
}

TEST(ReferenceClasses, WeightsCountAsRows) {
  TreeTask task = two_classes();
  task.weights = {1, 1, 1, 3};
  const GrownTree grown = grow(task);
  EXPECT_FLOAT_EQ(grown.tree.gains[0], 6.0f - 20.0f / 6);
  task.params.max_depth = 0;
  const GrownTree leaf = grow(task);
  EXPECT_FLOAT_EQ(leaf.tree.leaf_values[0], 2.0f / 6);
  EXPECT_FLOAT_EQ(leaf.tree.leaf_values[1], 4.0f / 6);
}

TEST(ReferenceClasses, LimitsAreRowsAndWeights) {
  TreeTask task = two_classes();
  task.weights = {1, 1, 1, 3};
  task.params.min_child_samples = 2;
  task.params.min_child_weight = 2;
  EXPECT_EQ(grow(task).tree.nodes.size(), 3u);
  task.params.min_child_weight = 2.5;
  EXPECT_EQ(grow(task).tree.nodes.size(), 1u);
  task.params.min_child_weight = 0;
  task.params.min_child_samples = 3;
  EXPECT_EQ(grow(task).tree.nodes.size(), 1u);
}

TEST(ReferenceClasses, PureNodesAreLeaves) {
  TreeTask task = two_classes();
  task.classes = {1, 1, 1, 1};
  const GrownTree grown = grow(task);
  EXPECT_EQ(grown.tree.nodes.size(), 1u);
  EXPECT_EQ(grown.tree.leaf_values, (std::vector<float>{0, 1}));
}

TEST(ReferenceClasses, RowsWithoutWeightDoNotVote) {
  TreeTask task = two_classes();
  task.weights = {1, 1, 0, 0};
  const GrownTree grown = grow(task);
  EXPECT_EQ(grown.tree.nodes.size(), 1u);
  EXPECT_EQ(grown.tree.leaf_values, (std::vector<float>{1, 0}));
  task.weights = {0, 0, 0, 0};
  EXPECT_EQ(grow(task).tree.leaf_values, (std::vector<float>{0, 0}));
}

TEST(ReferenceClasses, MissingGoesWhereItsClassIs) {
  TreeTask task;
  task.table = one_feature({0, 1, 2}, 3);
  task.classes = {1, 0, 1};
  task.class_count = 2;
  GrownTree grown = grow(task);
  EXPECT_EQ(grown.node(0).missing_left, 0);
  task.classes = {0, 0, 1};
  grown = grow(task);
  EXPECT_EQ(grown.node(0).missing_left, 1);
}

TEST(ReferenceClasses, LevelsAreSortedByTheHeaviestClass) {
  TreeTask task;
  task.table = one_feature({2, 2, 3, 3, 4, 4, 4}, 5, FeatureKind::kCategorical);
  task.classes = {2, 2, 1, 0, 2, 2, 2};
  task.class_count = 3;
  task.params.onehot_levels = 0;
  task.params.max_leaves = 2;
  // Shares of class 2 are 1, 0, 1. Ascending order 3, 2, 4: {3} against the pure rest.
  const GrownTree grown = grow(task);
  EXPECT_EQ(set_of(grown, 0), (std::vector<int>{3}));
  EXPECT_FLOAT_EQ(grown.tree.gains[0], 1.0f + 5 - 27.0f / 7);
}

}  // namespace
}  // namespace assay::kernels
