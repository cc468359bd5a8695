#include "kernels/early_exit.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/kernels/tree_nodes.h"

namespace assay::kernels {
namespace {

using Kind = DecisionRule::Kind;

// One split on feature 0; leaves [2, width].
Tree stump(std::vector<float> leaves) {
  Tree tree;
  tree.nodes = {split_node(0, 1, 1), leaf_node(0), leaf_node(1)};
  tree.leaf_values = std::move(leaves);
  tree.gains.assign(3, 0);
  tree.covers.assign(3, 1);
  return tree;
}

// `count` equal trees of one output.
Forest stumps(float low, float high, int64_t count) {
  Forest forest(1, 1);
  for (int64_t t = 0; t < count; ++t) forest.append(stump({low, high}));
  return forest;
}

TEST(LeafBounds, SumTheTreesThatAreLeft) {
  const auto bounds = LeafBounds::make(stumps(-1, 2, 40).view());
  ASSERT_NE(bounds, nullptr);
  EXPECT_EQ(bounds->step(), 16);
  EXPECT_NEAR(bounds->low(0)[0], -40, 1e-5);
  EXPECT_NEAR(bounds->high(0)[0], 80, 1e-5);
  EXPECT_NEAR(bounds->low(32)[0], -8, 1e-5);
  EXPECT_NEAR(bounds->high(32)[0], 16, 1e-5);
  EXPECT_LT(bounds->low(0)[0], -40);  // widened by what rounding can do
  EXPECT_GT(bounds->high(0)[0], 80);
  EXPECT_GT(bounds->byte_count(), 0);
}

TEST(LeafBounds, AreZeroBehindTheLastTree) {
  const auto bounds = LeafBounds::make(stumps(-1, 2, 32).view());
  EXPECT_EQ(bounds->low(32)[0], 0);
  EXPECT_EQ(bounds->high(32)[0], 0);
}

TEST(LeafBounds, StepsAreWholeRounds) {
  Forest forest(1, 7);
  for (int t = 0; t < 70; ++t) forest.append(stump({-1, static_cast<float>(t % 7)}));
  const auto bounds = LeafBounds::make(forest.view());
  EXPECT_EQ(bounds->step(), 21);
  EXPECT_NEAR(bounds->high(63)[6], 6, 1e-5);
  EXPECT_NEAR(bounds->high(63)[0], 0, 1e-5);
}

TEST(LeafBounds, OfLeavesThatAreNotNegativeAreNot) {
  Forest forest(2, 2);
  for (int t = 0; t < 20; ++t) forest.append(stump({0, 1, 0.5f, 0.5f}));
  const auto bounds = LeafBounds::make(forest.view());
  EXPECT_EQ(bounds->low(0)[0], 0);
  EXPECT_LE(bounds->low(0)[1], 10);
  EXPECT_GT(bounds->low(0)[1], 9.99);
}

TEST(DecideEarly, ASideIsDecidedWhenNoTreeCanCrossTheBand) {
  const auto bounds = LeafBounds::make(stumps(-0.25f, 0.5f, 20).view());  // from 16: -1 and 2
  const DecisionRule rule{Kind::kSide, -0.5, 0.5, 0};
  const auto decide = [&](double score) {
    std::vector<double> scores = {score};
    const bool decided = decide_early(rule, *bounds, 16, scores);
    EXPECT_EQ(decided, side_decided(rule, bounds->low(16)[0], bounds->high(16)[0], score));
    if (!decided) {
      EXPECT_EQ(scores[0], score);
    }
    return decided ? (scores[0] > 0.5 ? 1 : (scores[0] < -0.5 ? -1 : 9)) : 0;
  };
  EXPECT_EQ(decide(1.6), 1);
  EXPECT_EQ(decide(1.5), 0);  // may come to the band's edge
  EXPECT_EQ(decide(0), 0);
  EXPECT_EQ(decide(-2.5), 0);
  EXPECT_EQ(decide(-2.6), -1);
}

TEST(DecideEarly, ABandWithoutEndDecidesNothing) {
  const auto bounds = LeafBounds::make(stumps(0, 0, 20).view());
  const double infinity = std::numeric_limits<double>::infinity();
  std::vector<double> scores = {1e10};
  EXPECT_FALSE(decide_early({Kind::kSide, -infinity, infinity, 0}, *bounds, 16, scores));
  scores = {-1e10};
  EXPECT_FALSE(decide_early({Kind::kSide, -infinity, infinity, 0}, *bounds, 16, scores));
}

// Three outputs in turn, 17 to 20 rounds: what is left from tree 18 on is one tree each, -1..1.
std::unique_ptr<LeafBounds> three_outputs() {
  Forest forest(1, 3);
  for (int t = 0; t < 21; ++t) forest.append(stump({-1, 1}));
  return LeafBounds::make(forest.view());
}

TEST(DecideEarly, TheLargestMustStayAheadOfAll) {
  const auto bounds = three_outputs();
  ASSERT_EQ(bounds->step(), 18);
  const DecisionRule rule{Kind::kLargest, 0, 0, 0.5};
  std::vector<double> scores = {0, 2.4, -3};
  EXPECT_FALSE(decide_early(rule, *bounds, 18, scores));
  EXPECT_EQ(scores, (std::vector<double>{0, 2.4, -3}));
  scores = {0, 2.6, -3};
  EXPECT_TRUE(decide_early(rule, *bounds, 18, scores));
  EXPECT_NEAR(scores[1], 1.6, 1e-5);
  EXPECT_NEAR(scores[0], 1, 1e-5);
  EXPECT_GT(scores[1], scores[0] + 0.5);
  scores = {5, 5, 0};
  EXPECT_FALSE(decide_early(rule, *bounds, 18, scores));
  EXPECT_FALSE(decide_early({Kind::kLargestShare, 0, 0, 0.1}, *bounds, 18, scores));
}

TEST(DecideEarly, SharesWantScoresThatAreNotNegative) {
  Forest forest(2, 2);
  for (int t = 0; t < 20; ++t) forest.append(stump({0, 1, 1, 0}));
  const auto bounds = LeafBounds::make(forest.view());  // from 16: 0..4 each
  const DecisionRule rule{Kind::kLargestShare, 0, 0, 0x1p-20};
  std::vector<double> scores = {10.5, 6};
  EXPECT_TRUE(decide_early(rule, *bounds, 16, scores));
  EXPECT_GT(scores[0], scores[1]);
  scores = {10, 6};  // may become a tie
  EXPECT_FALSE(decide_early(rule, *bounds, 16, scores));
  scores = {10, -1};
  EXPECT_FALSE(decide_early(rule, *bounds, 16, scores));
}

}  // namespace
}  // namespace assay::kernels
