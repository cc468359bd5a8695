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
    data.forest.append(random_tree({shape.split_count, shape.leaf_width}, data.table, rng));
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
    args.forest = place_forest(data.forest, buffers);
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
