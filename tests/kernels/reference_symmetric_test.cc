// Symmetric growth of the reference, on trees worked out by hand.
#include "tests/kernels/tree_fixture.h"

namespace assay::kernels {
namespace {

// Targets as gradients of the squared loss at 0. Three features of two values; x1 and x2 take all
// pairs on both sides of x0. On the left of x0 the target is 2 [x1 is 2] + [x2 is 2], on the right
// 100 + 3 [x2 is 2].
TreeTask two_sides() {
  TreeTask task;
  task.params.growth = GrowthPolicy::kSymmetric;
  task.params.max_leaves = 8;
  task.params.l2 = 0;
  task.table.bin_counts = {3, 3, 3};
  for (const uint8_t x0 : {1, 2}) {
    for (const uint8_t x1 : {1, 2}) {
      for (const uint8_t x2 : {1, 2}) {
        task.table.rows.push_back({x0, x1, x2});
        const int target = x0 == 1 ? 2 * (x1 - 1) + (x2 - 1) : 100 + 3 * (x2 - 1);
        task.gradients.push_back(static_cast<float>(-target));
      }
    }
  }
  return task;
}

// Parting n rows in two halves whose means are d apart gains n d^2 / 4. x1 gains 4 on the left of
// x0 and nothing on the right; x2 gains 1 and 9: it is what both sides are split by.
TEST(ReferenceSymmetric, SplitsAllLeavesOfALevelAlike) {
  TreeTask task = two_sides();
  task.params.max_leaves = 4;
  const GrownTree grown = grow(task);
  ASSERT_EQ(grown.tree.nodes.size(), 7u);
  EXPECT_EQ(grown.node(0).feature, 0);
  EXPECT_EQ(grown.node(1).feature, 2);
  EXPECT_EQ(grown.node(2).feature, 2);
  EXPECT_EQ(grown.node(1).left, 3);
  EXPECT_EQ(grown.node(2).left, 5);
  EXPECT_FLOAT_EQ(grown.tree.gains[1], 1);
  EXPECT_NEAR(grown.tree.gains[2], 9, 1e-2);  // of squares near 40000
  EXPECT_EQ(grown.tree.leaf_values, (std::vector<float>{1, 2, 100, 103}));
  task.params.growth = GrowthPolicy::kLeafWise;
  EXPECT_EQ(grow(task).node(1).feature, 1) << "alone the left side would choose x1";
}

// The third level splits by x1: nothing is gained on the right, but it is split all the same.
TEST(ReferenceSymmetric, SplitsLeavesThatGainNothing) {
  const GrownTree grown = grow(two_sides());
  ASSERT_EQ(grown.tree.nodes.size(), 15u);
  for (size_t i = 3; i < 7; ++i) EXPECT_EQ(grown.node(i).feature, 1) << i;
  EXPECT_FLOAT_EQ(grown.tree.gains[3], 2);
  EXPECT_FLOAT_EQ(grown.tree.gains[4], 2);
  EXPECT_EQ(grown.tree.leaf_values, (std::vector<float>{0, 2, 1, 3, 100, 100, 103, 103}));
  EXPECT_EQ(grown.leaf_of, (std::vector<int32_t>{0, 2, 1, 3, 4, 6, 5, 7}));
}

TEST(ReferenceSymmetric, MakesNoPartOfALevel) {
  TreeTask task = two_sides();
  task.params.max_leaves = 7;
  EXPECT_EQ(grow(task).tree.leaf_values.size(), 4u);
  task.params.max_leaves = 3;
  EXPECT_EQ(grow(task).tree.leaf_values.size(), 2u);
  task.params.max_leaves = 8;
  task.params.max_depth = 1;
  EXPECT_EQ(grow(task).tree.leaf_values.size(), 2u);
}

// With one row on the right, x2 cannot part it at level 1; on the left it may. The right leaf keeps
// its number, and later nodes come behind.
TEST(ReferenceSymmetric, PassesOverLeavesWhereASplitCannotStand) {
  TreeTask task = two_sides();
  task.table.rows.resize(5);
  task.gradients.resize(5);
  task.params.max_leaves = 100;
  const GrownTree grown = grow(task);
  ASSERT_EQ(grown.tree.nodes.size(), 9u);
  EXPECT_TRUE(grown.node(2).is_leaf());
  EXPECT_EQ(grown.node(1).feature, 1);
  EXPECT_EQ(grown.node(3).feature, 2);
  EXPECT_EQ(grown.node(4).feature, 2);
  EXPECT_EQ(grown.tree.leaf_values, (std::vector<float>{100, 0, 1, 2, 3}));
}

// x1 has one value on the left of x0 and cannot part it; x2, a level later, parts the left alone.
TEST(ReferenceSymmetric, OffersPassedLeavesTheNextLevel) {
  TreeTask task;
  task.params.growth = GrowthPolicy::kSymmetric;
  task.params.l2 = 0;
  task.params.max_leaves = 100;
  task.table.bin_counts = {3, 3, 3};
  task.table.rows = {{1, 1, 1}, {1, 1, 2}, {2, 1, 1}, {2, 2, 1}};
  task.gradients = {0, -1, -1000, -1050};
  const GrownTree grown = grow(task);
  ASSERT_EQ(grown.tree.nodes.size(), 7u);
  EXPECT_EQ(grown.node(0).feature, 0);
  EXPECT_EQ(grown.node(2).feature, 1);  // level 1
  EXPECT_EQ(grown.node(2).left, 3);
  EXPECT_EQ(grown.node(1).feature, 2);  // level 2
  EXPECT_EQ(grown.node(1).left, 5);
  EXPECT_EQ(grown.tree.leaf_values, (std::vector<float>{1000, 1050, 0, 1}));
}

TEST(ReferenceSymmetric, KeepsToDirectionsLeafByLeaf) {
  TreeTask task = two_sides();
  task.monotone = {0, 0, -1};  // x2 may only lower: it rises everywhere
  const GrownTree grown = grow(task);
  for (const TreeNode& node : grown.tree.nodes) EXPECT_NE(node.feature, 2);
  EXPECT_EQ(grown.tree.leaf_values.size(), 4u);
}

}  // namespace
}  // namespace assay::kernels
