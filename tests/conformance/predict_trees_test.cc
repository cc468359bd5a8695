#include "kernels/reference/reference_ops.h"
#include "tests/conformance/harness.h"
#include "tests/conformance/tree_problems.h"

namespace assay::conformance {
namespace {

using kernels::Forest;
using kernels::PredictTrees;
using kernels::PredictTreesArgs;

// A forest with rows to predict.
struct PredictData {
  std::string name;
  BinnedTable table;
  Forest forest;
  std::vector<uint32_t> rows;  // empty: all
  kernels::PredictTreesProblem problem;
};

struct PredictShape {
  int64_t row_count = 0;
  int32_t feature_count = 0;
  int32_t leaf_width = 1;
  int32_t output_count = 1;
  int64_t tree_count = 0;
  int32_t split_count = 0;  // of a tree
  double categorical_share = 0;
  bool picked_rows = false;
};

// Splits random leaves: deep, lopsided trees, with thresholds that need not be in use.
kernels::Tree random_tree(const PredictShape& shape, const BinnedTable& table, Rng& rng) {
  kernels::Tree tree;
  tree.nodes.emplace_back();
  for (int32_t i = 0; i < shape.split_count; ++i) {
    std::vector<size_t> leaves;
    for (size_t n = 0; n < tree.nodes.size(); ++n) {
      if (tree.nodes[n].is_leaf()) leaves.push_back(n);
    }
    kernels::TreeNode& node = tree.nodes[leaves[rng.below(leaves.size())]];
    node.feature = static_cast<int32_t>(rng.below(static_cast<uint64_t>(shape.feature_count)));
    node.left = static_cast<int32_t>(tree.nodes.size());
    const auto f = static_cast<size_t>(node.feature);
    if (table.kinds[f] == kernels::FeatureKind::kCategorical) {
      node.category_set = static_cast<int32_t>(tree.category_sets.size());
      tree.category_sets.emplace_back();
      for (int b = 0; b < table.bin_counts[f]; ++b) {
        if (rng.below(2) == 0) tree.category_sets.back().insert(static_cast<uint8_t>(b));
      }
    } else {
      node.threshold = static_cast<uint8_t>(
          1 + rng.below(static_cast<uint64_t>(std::max(1, table.bin_counts[f] - 1))));
      node.missing_left = static_cast<uint8_t>(rng.below(2));
    }
    tree.nodes.resize(tree.nodes.size() + 2);
  }
  int32_t leaf = 0;
  for (kernels::TreeNode& node : tree.nodes) {
    if (!node.is_leaf()) continue;
    node.left = leaf++;
    for (int32_t k = 0; k < shape.leaf_width; ++k) {
      tree.leaf_values.push_back(static_cast<float>(rng.next_double() * 2 - 1));
    }
  }
  tree.gains.assign(tree.nodes.size(), 1);
  tree.covers.assign(tree.nodes.size(), 1);
  return tree;
}

PredictData draw(const PredictShape& shape, uint64_t seed) {
  Rng rng(seed);
  PredictData data{
      fmt::format("seed {}: {} rows x {}, {} trees of {} splits", seed, shape.row_count,
                  shape.feature_count, shape.tree_count, shape.split_count),
      random_table({shape.row_count, shape.feature_count, shape.categorical_share, 0.5}, rng),
      Forest(shape.leaf_width, shape.output_count),
      {},
      {}};
  for (int64_t t = 0; t < shape.tree_count; ++t) {
    data.forest.append(random_tree(shape, data.table, rng));
  }
  data.problem = {shape.row_count,  shape.feature_count, 0,
                  shape.tree_count, shape.leaf_width,    shape.output_count};
  if (shape.picked_rows) {
    data.problem.row_count = shape.row_count / 2;
    for (int64_t i = 0; i < data.problem.row_count; ++i) {
      data.rows.push_back(static_cast<uint32_t>(rng.below(static_cast<uint64_t>(shape.row_count))));
    }
    data.problem.tree_begin = shape.tree_count / 3;
  }
  return data;
}

template <class T>
std::vector<T> copy_of(std::span<const T> items) {
  return std::vector<T>(items.begin(), items.end());
}

OpCase<PredictTrees> case_of(const PredictShape& shape, uint64_t seed) {
  const PredictData data = draw(shape, seed);
  OpCase<PredictTrees> item;
  item.name = data.name;
  item.problem = data.problem;
  item.place = [data](CaseBuffers& buffers) {
    PredictTreesArgs args;
    args.bins = data.table.view(buffers.input("bins", data.table.bins));
    args.bins.bin_counts = buffers.host_input("bin_counts", data.table.bin_counts);
    args.bins.kinds = buffers.host_input("kinds", data.table.kinds);
    args.forest = data.forest.view();
    args.forest.nodes = buffers.input("nodes", copy_of(data.forest.nodes()));
    args.forest.category_sets = buffers.input("sets", copy_of(data.forest.category_sets()));
    args.forest.leaf_values = buffers.input("leaf_values", copy_of(data.forest.leaf_values()));
    args.forest.node_offsets = buffers.input("node_offsets", copy_of(data.forest.node_offsets()));
    args.forest.category_set_offsets =
        buffers.input("set_offsets", copy_of(data.forest.category_set_offsets()));
    args.forest.leaf_offsets = buffers.input("leaf_offsets", copy_of(data.forest.leaf_offsets()));
    if (!data.rows.empty()) args.rows = buffers.input("rows", data.rows);
    std::vector<double> scores;
    Rng rng(3);
    for (int64_t i = 0; i < data.problem.row_count * data.problem.output_count; ++i) {
      scores.push_back(rng.next_double());
    }
    args.scores = buffers.in_out("scores", scores);
    return args;
  };
  return item;
}

TEST(PredictTrees, Agrees) {
  std::vector<OpCase<PredictTrees>> cases;
  uint64_t seed = 0;
  for (const int64_t rows : {0, 1, 2, 15, 63, 257, 1021}) {
    cases.push_back(case_of({rows, 5, 1, 1, 7, 12}, ++seed));
    cases.push_back(case_of({rows, 28, 1, 3, 9, 30, 0.3, true}, ++seed));
    cases.push_back(case_of({rows, 65, 3, 3, 4, 100, 0.5}, ++seed));
    cases.push_back(case_of({rows, 130, 1, 1, 5, 300, 0, true}, ++seed));
  }
  cases.push_back(case_of({300, 1, 1, 1, 3, 0}, ++seed));      // stumps
  cases.push_back(case_of({300, 3, 1, 1, 0, 5}, ++seed));      // no trees
  cases.push_back(case_of({300, 3, 2, 6, 12, 9, 1}, ++seed));  // width between 1 and all
  cases.push_back(case_of({5000, 28, 1, 1, 40, 63}, ++seed));
  cases.push_back(case_of({300, 28, 1, 1, 2, 5000}, ++seed));      // larger than a cache
  cases.push_back(case_of({100, 500, 1, 1, 1, 20, 0.2}, ++seed));  // few trees on wide rows
  cases.push_back(case_of({100, 2100, 1, 1, 9, 20}, ++seed));      // wider than short nodes
  check_op<PredictTrees>(kernels::reference::predict_trees, cases);
}

}  // namespace
}  // namespace assay::conformance
