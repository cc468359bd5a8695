#include "kernels/reference/reference_ops.h"
#include "kernels/tree_shap_plan.h"
#include "tests/conformance/harness.h"
#include "tests/conformance/tree_problems.h"

namespace assay::conformance {
namespace {

using kernels::Forest;
using kernels::TreeShap;
using kernels::TreeShapArgs;

struct ShapShape {
  int64_t row_count = 0;
  int32_t feature_count = 0;
  int32_t leaf_width = 1;
  int32_t output_count = 1;
  int64_t tree_count = 0;
  int32_t split_count = 0;  // of a tree; every fourth one is a single leaf
  double categorical_share = 0;
  bool picked_rows = false;
};

// A forest with rows to explain.
struct ShapData {
  BinnedTable table;
  Forest forest;
  std::vector<uint32_t> rows;  // empty: all
};

ShapData draw_rows(const ShapShape& shape, Rng& rng) {
  ShapData data{
      random_table({shape.row_count, shape.feature_count, shape.categorical_share, 0.5}, rng),
      Forest(shape.leaf_width, shape.output_count),
      {}};
  for (int64_t t = 0; t < shape.tree_count; ++t) {
    const int32_t splits = t % 4 == 3 ? 0 : shape.split_count;
    data.forest.append(random_tree({splits, shape.leaf_width}, data.table, rng));
  }
  for (int64_t i = 0; shape.picked_rows && i < shape.row_count / 2; ++i) {
    data.rows.push_back(static_cast<uint32_t>(rng.below(static_cast<uint64_t>(shape.row_count))));
  }
  return data;
}

template <class T>
const T* place_copy(CaseBuffers& buffers, const char* name, std::span<const T> items) {
  return buffers.input(name, std::vector<T>(items.begin(), items.end()));
}

OpCase<TreeShap> shap_case(const ShapShape& shape, uint64_t seed) {
  Rng rng(seed);
  const ShapData data = draw_rows(shape, rng);
  const kernels::TreeShapPlan plan(data.forest, shape.feature_count);
  OpCase<TreeShap> item;
  item.name = fmt::format("seed {}: {} rows x {}, {} trees of {} splits, {} of {} outputs", seed,
                          shape.row_count, shape.feature_count, shape.tree_count, shape.split_count,
                          shape.leaf_width, shape.output_count);
  item.problem =
      plan.problem(data.rows.empty() ? shape.row_count : static_cast<int64_t>(data.rows.size()));
  const int64_t size =
      item.problem.row_count * item.problem.output_count * item.problem.feature_count;
  item.place = [data, plan, size](CaseBuffers& buffers) {
    TreeShapArgs args;
    args.bins = data.table.view(buffers.input("bins", data.table.bins));
    args.bins.bin_counts = buffers.host_input("bin_counts", data.table.bin_counts);
    args.bins.kinds = buffers.host_input("kinds", data.table.kinds);
    args.forest = place_forest(data.forest, buffers);
    args.shap.steps = place_copy(buffers, "steps", plan.steps());
    args.shap.trees = place_copy(buffers, "trees", plan.trees());
    args.shap.points = place_copy(buffers, "points", plan.points());
    args.shap.weights = place_copy(buffers, "weights", plan.weights());
    if (!data.rows.empty()) args.rows = buffers.input("rows", data.rows);
    std::vector<double> out;
    Rng start(3);
    for (int64_t i = 0; i < size; ++i) out.push_back(start.next_double());
    args.out = buffers.in_out("out", out);
    return args;
  };
  return item;
}

// The same with the table in the host's memory.
OpCase<TreeShap> streamed_case(const ShapShape& shape, uint64_t seed) {
  Rng rng(seed);
  return with_table_on_host(shap_case(shape, seed), draw_rows(shape, rng).table.bins);
}

TEST(TreeShap, AgreesOnTablesInTheHostsMemory) {
  std::vector<OpCase<TreeShap>> cases;
  uint64_t seed = 400;
  for (const int64_t rows : {0, 1, 17, 131}) {
    cases.push_back(streamed_case({rows, 5, 1, 1, 7, 12}, ++seed));
    cases.push_back(streamed_case({rows, 65, 1, 3, 9, 20, 0.3, true}, ++seed));
  }
  check_op<TreeShap>(kernels::reference::tree_shap, cases);
}

TEST(TreeShap, Agrees) {
  std::vector<OpCase<TreeShap>> cases;
  uint64_t seed = 0;
  for (const int64_t rows : {0, 1, 2, 15, 16, 17, 63, 131}) {
    cases.push_back(shap_case({rows, 5, 1, 1, 7, 12}, ++seed));
    cases.push_back(shap_case({rows, 28, 1, 3, 9, 20, 0.3, true}, ++seed));
    cases.push_back(shap_case({rows, 65, 3, 3, 2, 60, 0.5}, ++seed));
  }
  cases.push_back(shap_case({300, 1, 1, 1, 5, 0}, ++seed));     // single leaves
  cases.push_back(shap_case({300, 1, 1, 1, 3, 9}, ++seed));     // one feature again and again
  cases.push_back(shap_case({300, 3, 1, 1, 0, 5}, ++seed));     // no trees
  cases.push_back(shap_case({70, 3, 2, 6, 12, 9, 1}, ++seed));  // width between 1 and all
  cases.push_back(shap_case({1500, 28, 1, 1, 3, 31}, ++seed));
  cases.push_back(shap_case({20, 130, 1, 1, 1, 2000}, ++seed));  // many points, deep
  cases.push_back(shap_case({20, 1000, 10, 10, 2, 8}, ++seed));  // wide rows of many outputs
  check_op<TreeShap>(kernels::reference::tree_shap, cases);
}

}  // namespace
}  // namespace assay::conformance
