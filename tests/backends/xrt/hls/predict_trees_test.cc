// predict_trees called as a function, against the serial reference: the same bits.
#include "backends/xrt/hls/predict_trees.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "kernels/reference/reference_ops.h"
#include "tests/backends/xrt/hls/card_memory.h"
#include "tests/conformance/tree_problems.h"

namespace assay::backends::xrt {
namespace {

using kernels::Forest;
using kernels::Tree;

struct Shape {
  int64_t table_rows = 100;
  int32_t features = 5;
  int32_t trees = 7;
  int32_t splits = 12;  // of a tree
  int32_t leaf_width = 1;
  int32_t outputs = 1;
  double categorical_share = 0;
  bool by_rows = false;
  bool chain = false;  // every split splits the leaf that was made last
  bool tiny = false;   // subnormal leaf values and scores that do not hide them
};

// Leaf values of every kind that a model may hold.
float draw_value(Rng& rng, bool tiny) {
  switch (tiny ? 0 : rng.below(8)) {
    case 0:
      return std::ldexp(static_cast<float>(pick(rng, -1000, 1000)), -149);  // subnormal, and 0
    case 1:
      return -0.0f;
    case 2:
      return std::ldexp(static_cast<float>(rng.next_double()), 120);
    default:
      return static_cast<float>(rng.next_double() * 2 - 1);
  }
}

void draw_split(kernels::TreeNode& node, Tree& tree, const conformance::BinnedTable& table,
                Rng& rng) {
  node.feature = static_cast<int32_t>(pick(rng, 0, table.feature_count() - 1));
  if (table.kinds[static_cast<size_t>(node.feature)] == kernels::FeatureKind::kCategorical) {
    node.category_set = static_cast<int32_t>(tree.category_sets.size());
    tree.category_sets.emplace_back();
    for (int bin = 0; bin < 256; ++bin) {
      if (rng.below(2) == 0) tree.category_sets.back().insert(static_cast<uint8_t>(bin));
    }
  } else {
    node.threshold = static_cast<uint8_t>(pick(rng, 1, 255));
    node.missing_left = static_cast<uint8_t>(rng.below(2));
  }
}

Tree draw_tree(const Shape& shape, const conformance::BinnedTable& table, Rng& rng) {
  Tree tree;
  tree.nodes.emplace_back();
  std::vector<size_t> open = {0};
  for (int32_t i = 0; i < shape.splits; ++i) {
    const size_t at = shape.chain ? open.size() - 1 : rng.below(open.size());
    const size_t split = open[at];
    open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
    draw_split(tree.nodes[split], tree, table, rng);
    tree.nodes[split].left = static_cast<int32_t>(tree.nodes.size());
    open.push_back(tree.nodes.size());
    open.push_back(tree.nodes.size() + 1);
    tree.nodes.resize(tree.nodes.size() + 2);
  }
  int32_t leaf = 0;
  for (kernels::TreeNode& node : tree.nodes) {
    if (!node.is_leaf()) continue;
    node.left = leaf++;
    for (int32_t k = 0; k < shape.leaf_width; ++k)
      tree.leaf_values.push_back(draw_value(rng, shape.tiny));
  }
  tree.gains.assign(tree.nodes.size(), 1);
  tree.covers.assign(tree.nodes.size(), 1);
  return tree;
}

struct Range {
  int64_t row_begin = 0;
  int64_t row_count = 0;
  int64_t tree_begin = 0;
};

// Predicts a part of the positions and compares all of them with the reference's.
void check(const Shape& shape, const Range& range, uint64_t seed) {
  SCOPED_TRACE(fmt::format("seed {}: {} rows x {}, {} trees of {} splits, {} of {} outputs", seed,
                           shape.table_rows, shape.features, shape.trees, shape.splits,
                           shape.leaf_width, shape.outputs));
  Rng rng(seed);
  const auto table = conformance::random_table(
      {shape.table_rows, shape.features, shape.categorical_share, 0.5}, rng);
  Forest forest(shape.leaf_width, shape.outputs);
  for (int32_t t = 0; t < shape.trees; ++t) forest.append(draw_tree(shape, table, rng));
  ASSERT_TRUE(forest.check(shape.features));
  const int64_t positions = range.row_begin + range.row_count + 3;
  std::vector<uint32_t> numbers;
  for (int64_t i = 0; i < positions; ++i) {
    numbers.push_back(
        static_cast<uint32_t>(shape.by_rows ? pick(rng, 0, shape.table_rows - 1) : i));
  }
  CardArray<double> scores(static_cast<size_t>(positions * shape.outputs));
  for (size_t i = 0; i < scores.whole().size(); ++i) scores[i] = shape.tiny ? 0 : rng.next_double();
  std::vector<double> expected(scores.whole().begin(), scores.whole().end());

  auto cells = on_card(table.bins);
  auto rows = on_card(numbers);
  CardArray<kernels::TreeNode> nodes(forest.nodes());
  CardArray<kernels::CategorySet> sets(forest.category_sets());
  CardArray<float> values(forest.leaf_values());
  CardArray<int64_t> node_offsets(forest.node_offsets());
  CardArray<int64_t> set_offsets(forest.category_set_offsets());
  CardArray<int64_t> leaf_offsets(forest.leaf_offsets());
  predict_trees(cells.lines(), rows.lines(), nodes.lines(), sets.lines(), values.lines(),
                node_offsets.data(), set_offsets.data(), leaf_offsets.data(), scores.data(),
                shape.table_rows, shape.features, range.row_begin, range.row_count,
                shape.by_rows ? 1 : 0, range.tree_begin, shape.trees, shape.leaf_width,
                shape.outputs);

  kernels::PredictTreesArgs args;
  args.bins = table.view(table.bins.data());
  args.forest = forest.view();
  args.rows = numbers.data() + range.row_begin;
  args.scores = expected.data() + range.row_begin * shape.outputs;
  const Status done =
      kernels::reference::predict_trees({},
                                        {range.row_count, shape.features, range.tree_begin,
                                         shape.trees, shape.leaf_width, shape.outputs},
                                        args);
  ASSERT_TRUE(done) << done.error().message;
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(std::bit_cast<uint64_t>(scores[i]), std::bit_cast<uint64_t>(expected[i]))
        << "score " << i;
  }
}

TEST(PredictTrees, SumsOneOutputForHostileRowCounts) {
  uint64_t seed = 0;
  for (const int64_t rows : {0, 1, 2, 15, 16, 17, 257, 1023, 1024, 1025, 2311}) {
    Shape shape;
    shape.table_rows = std::max<int64_t>(1, rows + 3);
    check(shape, {0, rows, 0}, ++seed);
    shape.by_rows = true;
    shape.trees = 33;
    shape.features = 70;
    shape.categorical_share = 0.4;
    check(shape, {5, rows, 2}, ++seed);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(PredictTrees, SumsSeveralOutputs) {
  uint64_t seed = 100;
  for (const int32_t trees : {1, 15, 16, 17, 40}) {
    check({120, 28, trees, 20, 1, 3, 0.3, true}, {3, 91, 0}, ++seed);
    check({120, 3, trees, 9, 3, 3, 0.3, false}, {0, 64, trees / 2}, ++seed);
    check({60, 130, trees, 30, 2, 6, 0.5, true}, {1, 57, 0}, ++seed);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(PredictTrees, CutsTilesByTheirScores) {
  check({40, 4, 3, 5, 700, 2100}, {0, 37, 0}, 200);
  check({3, 4, 2, 3, 65536, 65536}, {0, 2, 0}, 201);
}

TEST(PredictTrees, CutsTilesByTheirCells) {
  check({45, 4096, 5, 200, 1, 1, 0.2}, {0, 41, 0}, 202);
  check({37, 4033, 3, 50, 2, 2, 0.2, true}, {0, 35, 0}, 203);
}

TEST(PredictTrees, WalksTreesOfManyPages) {
  check({150, 9, 3, 6000, 1, 1, 0.4}, {0, 147, 0}, 204);
  check({80, 9, 2, 4096, 3, 3, 0.4}, {0, 77, 0}, 205);
  check({20, 9, 1, 2047, 1, 1}, {0, 17, 0}, 206);  // 4095 nodes: one page, less one
  check({20, 9, 2, 2048, 1, 1}, {0, 17, 0}, 207);  // 4097: one more
}

// The depth of a chain is its number of splits.
TEST(PredictTrees, WalksDeepTrees) {
  check({30, 6, 17, 1024, 1, 1, 0.3, false, true}, {0, 27, 0}, 208);
}

TEST(PredictTrees, AddsSubnormalLeaves) {
  Shape shape;
  shape.tiny = true;
  check(shape, {0, 97, 0}, 212);
  shape.outputs = shape.leaf_width = 3;
  check(shape, {0, 97, 0}, 213);
}

TEST(PredictTrees, AddsNothingWithoutTreesOrSplits) {
  check({30, 6, 0, 0}, {0, 27, 0}, 209);
  check({30, 6, 4, 3}, {0, 27, 4}, 210);
  check({30, 6, 20, 0}, {0, 27, 0}, 211);
}

TEST(PredictTreesCosts, FollowTheirFormula) {
  using namespace assay_hls;  // NOLINT: the formulas
  EXPECT_EQ(predict_tile(28, 1), 1024);
  EXPECT_EQ(predict_tile(4096, 1), 16);
  EXPECT_EQ(predict_tile(0, 1), 1024);
  EXPECT_EQ(predict_tile(28, 65536), 1);
  // One row through 16 trees of 61 nodes and depth 6: the tile, two scores, where the trees begin,
  // 16 pages, 7 steps of 16 turns, and the chain.
  const PredictWork work{1, 28, 16, 61, 6, 1, 1};
  EXPECT_EQ(predict_cycles(work), 40 + (8 + 240) + 2 * 121 + 3 * (16 + 120) +
                                      16 * (184 + 244 + 120) + 7 * (16 + 14) + (1 + 128));
}

}  // namespace
}  // namespace assay::backends::xrt
