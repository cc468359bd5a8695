// Monotone and interaction constraints of the reference, on trees worked out by hand.
#include "tests/kernels/tree_fixture.h"

namespace assay::kernels {
namespace {

// Targets as gradients of the squared loss at 0: a leaf's value is the mean of its targets.
TreeTask task_of(SmallTable table, const std::vector<float>& targets) {
  TreeTask task;
  task.table = std::move(table);
  for (const float target : targets) task.gradients.push_back(-target);
  task.params.l2 = 0;
  return task;
}

TEST(ReferenceMonotone, RefusesSplitsAgainstTheDirection) {
  TreeTask task = task_of(one_feature({1, 2}, 3), {5, 1});
  task.monotone = {1};
  EXPECT_EQ(grow(task).tree.leaf_values, (std::vector<float>{3}));
  task.monotone = {-1};
  EXPECT_EQ(grow(task).tree.leaf_values, (std::vector<float>{5, 1}));
  task.monotone = {0};
  EXPECT_EQ(grow(task).tree.leaf_values, (std::vector<float>{5, 1}));
}

// Targets 0, 10, 4 along the feature. 0 | 10 4 has values 0 and 7; 0 10 | 4 has 5 and 4. Without
// the constraint all three rows are parted in the end.
TEST(ReferenceMonotone, KeepsTheBestSplitThatIsAllowed) {
  TreeTask task = task_of(one_feature({1, 2, 3}, 4), {0, 10, 4});
  EXPECT_EQ(grow(task).tree.leaf_values.size(), 3u);
  task.monotone = {1};
  const GrownTree grown = grow(task);
  EXPECT_EQ(grown.tree.leaf_values, (std::vector<float>{0, 7}));
  EXPECT_FLOAT_EQ(grown.tree.gains[0], 98.0f - 196.0f / 3);
}

// The first feature parts 0 0 from 1 21 (values 0 and 11, middle 5.5) and then may not be undone:
// on the right the free second feature parts 1 from 21, but 1 is held at 5.5. Scores there: of the
// node 22^2 / 2, of the sides -(2 (-1) 5.5 + 5.5^2) and 21^2.
TEST(ReferenceMonotone, HoldsDescendantsWithinTheMiddle) {
  SmallTable table;
  table.rows = {{1, 1}, {1, 2}, {2, 1}, {2, 2}};
  table.bin_counts = {3, 3};
  TreeTask task = task_of(table, {0, 0, 1, 21});
  task.monotone = {1, 0};
  const GrownTree grown = grow(task);
  EXPECT_EQ(grown.tree.leaf_values, (std::vector<float>{0, 5.5f, 21}));
  EXPECT_FLOAT_EQ(grown.tree.gains[0], 121.0f);
  EXPECT_FLOAT_EQ(grown.tree.gains[2], -19.25f + 441.0f - 242.0f);
  task.monotone = {0, 0};
  EXPECT_EQ(grow(task).tree.leaf_values, (std::vector<float>{0, 1, 21}));
}

// Decreasing: the left side has the greater values.
TEST(ReferenceMonotone, MirrorsForTheOtherDirection) {
  SmallTable table;
  table.rows = {{2, 1}, {2, 2}, {1, 1}, {1, 2}};
  table.bin_counts = {3, 3};
  TreeTask task = task_of(table, {0, 0, 1, 21});
  task.monotone = {-1, 0};
  const GrownTree grown = grow(task);
  // The left child of the root is split again: its leaves have the higher numbers.
  EXPECT_EQ(grown.tree.leaf_values, (std::vector<float>{0, 5.5f, 21}));
  task.params.leaf_scale = 0.5;
  EXPECT_EQ(grow(task).tree.leaf_values, (std::vector<float>{0, 2.75f, 10.5f}));
}

TEST(ReferenceMonotone, RefusesWhatHasNoDirection) {
  TreeTask classes;
  classes.table = one_feature({1, 2}, 3);
  classes.classes = {0, 1};
  classes.class_count = 2;
  classes.monotone = {1};
  EXPECT_EQ(grow(classes).status.error().message,
            "grow_tree: monotone constraints in class mode (they need gradients)");
  TreeTask levels = task_of(one_feature({1, 2}, 3, FeatureKind::kCategorical), {1, 2});
  levels.monotone = {1};
  EXPECT_EQ(grow(levels).status.error().message,
            "grow_tree: monotone[0]=1 (must be -1, 0 or 1, and 0 for categories)");
  TreeTask beyond = task_of(one_feature({1, 2}, 3), {1, 2});
  beyond.monotone = {2};
  EXPECT_FALSE(grow(beyond).status.has_value());
}

// Two features that both matter.
TreeTask crossed() {
  SmallTable table;
  table.rows = {{1, 1}, {1, 2}, {2, 1}, {2, 2}};
  table.bin_counts = {3, 3};
  return task_of(table, {0, 1, 10, 21});
}

TEST(ReferenceInteractions, FeaturesOfDifferentGroupsNeverMeet) {
  TreeTask task = crossed();
  task.interactions = {1, 2};
  const GrownTree grown = grow(task);
  EXPECT_EQ(grown.tree.leaf_values, (std::vector<float>{0.5f, 15.5f}));
  task.interactions = {1, 3};
  EXPECT_EQ(grow(task).tree.leaf_values.size(), 4u);
}

TEST(ReferenceInteractions, GroupsAreSharedByTheWholePath) {
  // The root's feature has groups 0 and 1, the next one only 1: after it only group 1 is left.
  SmallTable table;
  for (uint8_t i = 0; i < 8; ++i) {
    table.rows.push_back({static_cast<uint8_t>(1 + i / 4), static_cast<uint8_t>(1 + i / 2 % 2),
                          static_cast<uint8_t>(1 + i % 2)});
  }
  table.bin_counts = {3, 3, 3};
  TreeTask task = task_of(table, {0, 1, 10, 11, 100, 101, 110, 111});
  task.interactions = {3, 2, 1};
  const GrownTree grown = grow(task);
  EXPECT_EQ(grown.tree.leaf_values.size(), 4u);
  for (const TreeNode& node : grown.tree.nodes) EXPECT_NE(node.feature, 2);
  task.interactions = {3, 2, 3};
  EXPECT_EQ(grow(task).tree.leaf_values.size(), 8u);
}

TEST(ReferenceInteractions, AFeatureWithoutGroupsIsNotUsed) {
  TreeTask task = crossed();
  task.interactions = {0, 1};
  EXPECT_EQ(grow(task).node(0).feature, 1);
}

}  // namespace
}  // namespace assay::kernels
