#include "kernels/tree.h"
#include "tests/kernels/tree_nodes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace assay::kernels {
namespace {

using testing::HasSubstr;

// A root, a categorical split on its left, and three leaves of `width` values.
Tree categorical_tree(int32_t width, float first) {
  Tree tree;
  tree.nodes = {split_node(0, 3, 1), split_node(2, 0, 3), leaf_node(0), leaf_node(1), leaf_node(2)};
  tree.nodes[1].category_set = 0;
  tree.category_sets.emplace_back();
  tree.category_sets[0].insert(200);
  for (int32_t i = 0; i < 3 * width; ++i) tree.leaf_values.push_back(first + static_cast<float>(i));
  tree.gains = {4, 2, 0, 0, 0};
  tree.covers = {10, 6, 4, 3, 3};
  return tree;
}

Tree stump(int32_t width) {
  Tree tree;
  tree.nodes = {leaf_node(0)};
  tree.leaf_values.assign(static_cast<size_t>(width), 7);
  tree.gains = {0};
  tree.covers = {1};
  return tree;
}

TEST(CategorySet, HoldsBinsFrom0To255) {
  CategorySet set;
  for (const uint8_t bin : {0, 31, 32, 255}) set.insert(bin);
  for (int bin = 0; bin < 256; ++bin) {
    EXPECT_EQ(set.contains(static_cast<uint8_t>(bin)),
              bin == 0 || bin == 31 || bin == 32 || bin == 255);
  }
}

TEST(TreeNode, SendsBinsLeftByThresholdMissingOrSet) {
  TreeNode node = split_node(0, 3, 1);
  EXPECT_TRUE(goes_left(node, nullptr, 3));
  EXPECT_FALSE(goes_left(node, nullptr, 4));
  EXPECT_FALSE(goes_left(node, nullptr, kMissingBin));
  node.missing_left = 1;
  EXPECT_TRUE(goes_left(node, nullptr, kMissingBin));
  CategorySet set;
  set.insert(9);
  node.category_set = 0;
  EXPECT_TRUE(goes_left(node, &set, 9));
  EXPECT_FALSE(goes_left(node, &set, 3));
  EXPECT_FALSE(goes_left(node, &set, kMissingBin));
}

TEST(Forest, GivesBackTheTreesItWasGiven) {
  for (const int32_t width : {1, 3}) {
    Forest forest(width, 3);
    const std::vector<Tree> trees{categorical_tree(width, 1), stump(width),
                                  categorical_tree(width, 50)};
    for (const Tree& tree : trees) forest.append(tree);
    ASSERT_EQ(forest.tree_count(), 3);
    for (int64_t i = 0; i < 3; ++i) EXPECT_EQ(forest.tree(i), trees[static_cast<size_t>(i)]);
    EXPECT_TRUE(forest.check(3));
    const ForestView view = forest.view();
    EXPECT_EQ(view.tree_count, 3);
    EXPECT_EQ(view.leaf_width, width);
    EXPECT_EQ(view.node_offsets[2], 6);
    EXPECT_EQ(view.leaf_offsets[2], 4);
    EXPECT_EQ(view.category_set_offsets[2], 1);
    EXPECT_FLOAT_EQ(view.leaf_values[view.leaf_offsets[2] * width], 50);
  }
}

TEST(Forest, ReserveChangesNothingThatCanBeSeen) {
  Forest forest(1, 1);
  forest.reserve(10);
  Tree tree;
  tree.nodes.resize(1);
  tree.leaf_values = {1};
  tree.gains = {0};
  tree.covers = {5};
  forest.append(tree);
  const int64_t bytes = forest.byte_count();
  forest.reserve(10);
  const TreeNode* const first = forest.nodes().data();
  EXPECT_EQ(forest.tree_count(), 1);
  EXPECT_EQ(forest.byte_count(), bytes);
  EXPECT_EQ(forest.tree(0), tree);
  for (int i = 1; i < 10; ++i) forest.append(tree);
  EXPECT_EQ(forest.nodes().data(), first) << "it was moved";
}

TEST(Forest, TruncateDropsTheLastTrees) {
  Forest forest(1, 1);
  forest.append(categorical_tree(1, 1));
  const int64_t bytes = forest.byte_count();
  forest.append(stump(1));
  forest.append(categorical_tree(1, 9));
  forest.truncate(5);
  EXPECT_EQ(forest.tree_count(), 3);
  forest.truncate(1);
  EXPECT_EQ(forest.tree_count(), 1);
  EXPECT_EQ(forest.byte_count(), bytes);
  EXPECT_EQ(forest.tree(0), categorical_tree(1, 1));
  forest.truncate(0);
  EXPECT_EQ(forest.tree_count(), 0);
  EXPECT_EQ(forest.byte_count(), 0);
}

Forest::Parts parts_of(const Forest& forest) {
  const auto copy = [](auto span) {
    return std::vector<std::remove_cvref_t<decltype(span[0])>>(span.begin(), span.end());
  };
  Forest::Parts parts;
  parts.nodes = copy(forest.nodes());
  parts.category_sets = copy(forest.category_sets());
  parts.leaf_values = copy(forest.leaf_values());
  parts.gains = copy(forest.gains());
  parts.covers = copy(forest.covers());
  parts.node_offsets = copy(forest.node_offsets());
  parts.category_set_offsets = copy(forest.category_set_offsets());
  parts.leaf_offsets = copy(forest.leaf_offsets());
  return parts;
}

Forest::Parts good_parts() {
  Forest forest(1, 1);
  forest.append(categorical_tree(1, 1));
  forest.append(categorical_tree(1, 4));
  return parts_of(forest);
}

TEST(Forest, PartsMakeTheSameForest) {
  const Result<Forest> forest = Forest::from_parts(good_parts(), 1, 1, 3);
  ASSERT_TRUE(forest) << forest.error().message;
  EXPECT_EQ(forest->tree(1), categorical_tree(1, 4));
  const Result<Forest> empty = Forest::from_parts({}, 1, 1, 3);
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->tree_count(), 0);
}

// Each damage must be refused with a message that says what is wrong.
TEST(Forest, RefusesDamagedParts) {
  struct Damage {
    std::string message;
    std::function<void(Forest::Parts&)> apply;
  };
  const std::vector<Damage> damages{
      {"feature=3 (must be below 3)", [](auto& p) { p.nodes[1].feature = 3; }},
      {"feature=-2", [](auto& p) { p.nodes[2].feature = -2; }},
      {"children must lie behind", [](auto& p) { p.nodes[1].left = 1; }},
      {"children must lie behind", [](auto& p) { p.nodes[0].left = -5; }},
      {"left=4 (must be below 4)", [](auto& p) { p.nodes[1].left = 4; }},
      {"2 parents", [](auto& p) { p.nodes[1].left = 2; }},
      {"0 parents",
       [](auto& p) {
         p.nodes[1] = leaf_node(0);
         p.nodes[2].left = 1;
       }},
      {"category_set=1", [](auto& p) { p.nodes[1].category_set = 1; }},
      {"category_set=-7", [](auto& p) { p.nodes[1].category_set = -7; }},
      {"leaf number 2 (must be 1)", [](auto& p) { p.nodes[3].left = 2; }},
      {"3 leaf nodes and values for 2 leaves", [](auto& p) { p.leaf_values.pop_back(); }},
      {"gains", [](auto& p) { p.gains.pop_back(); }},
      {"covers", [](auto& p) { p.covers.push_back(1); }},
      {"node_offsets[1]=99", [](auto& p) { p.node_offsets[1] = 99; }},
      {"node_offsets[0]=1", [](auto& p) { p.node_offsets[0] = 1; }},
      {"leaf_offsets[1]=-1", [](auto& p) { p.leaf_offsets[1] = -1; }},
      {"has no nodes", [](auto& p) { p.node_offsets[1] = 0; }},
      {"offsets of 2 trees", [](auto& p) { p.leaf_offsets.pop_back(); }},
      {"no trees",
       [](auto& p) {
         p.node_offsets.clear();
         p.leaf_offsets.clear();
         p.category_set_offsets.clear();
       }},
  };
  for (const Damage& damage : damages) {
    Forest::Parts parts = good_parts();
    damage.apply(parts);
    const Result<Forest> forest = Forest::from_parts(std::move(parts), 1, 1, 3);
    ASSERT_FALSE(forest) << damage.message;
    EXPECT_EQ(forest.error().code, StatusCode::kData);
    EXPECT_THAT(forest.error().message, HasSubstr(damage.message));
  }
}

TEST(Forest, RefusesWidthsThatDoNotFit) {
  EXPECT_FALSE(Forest::from_parts(good_parts(), 0, 1, 3));
  EXPECT_FALSE(Forest::from_parts(good_parts(), 1, 0, 3));
  EXPECT_FALSE(Forest::from_parts(good_parts(), 2, 3, 3));
  EXPECT_FALSE(Forest::from_parts(good_parts(), 4, 4, 3));
  EXPECT_TRUE(Forest::from_parts(good_parts(), 1, 5, 3));
}

}  // namespace
}  // namespace assay::kernels
