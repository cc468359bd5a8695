#include "bench/tree_data.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/base/rng.h"

namespace assay::bench {

TreeData TreeData::make(int64_t row_count, int32_t feature_count) {
  TreeData data;
  data.row_count = row_count;
  data.feature_count = feature_count;
  data.bin_counts.assign(static_cast<size_t>(feature_count), 255);
  data.kinds.assign(static_cast<size_t>(feature_count), kernels::FeatureKind::kNumeric);
  data.bins.resize(static_cast<size_t>(row_count * feature_count));
  data.columns.resize(data.bins.size());
  data.rows.resize(static_cast<size_t>(row_count));
  std::iota(data.rows.begin(), data.rows.end(), uint32_t{0});
  const kernels::BinnedView view = data.view(data.bins.data());
  Rng rng(2024);
  const int32_t informative = std::min(feature_count, 12);
  for (int64_t row = 0; row < row_count; ++row) {
    double signal = 0;
    for (int32_t f = 0; f < feature_count; ++f) {
      const uint64_t code = 1 + rng.below(254);
      data.bins[static_cast<size_t>(view.cell_offset(row, f))] = static_cast<uint8_t>(code);
      data.columns[static_cast<size_t>(f * row_count + row)] = static_cast<uint8_t>(code);
      if (f < informative) signal += std::sin(static_cast<double>(code) * 0.01 * (f + 2));
    }
    const bool positive = signal + 3 * (rng.next_double() - 0.5) > 0;
    data.classes.push_back(positive ? 1 : 0);
    const double p = 0.1 + 0.8 * rng.next_double();
    data.gradients.push_back(static_cast<float>(p - (positive ? 1 : 0)));
    data.hessians.push_back(static_cast<float>(p * (1 - p)));
  }
  return data;
}

kernels::BinnedView TreeData::view(const uint8_t* cells) const {
  return {cells, row_count, feature_count, bin_counts.data(), kinds.data()};
}

void place_call(Bed& bed, const TreeData& data, TreeKind kind, int32_t max_leaves, TreeCall& call) {
  kernels::GrowTreeProblem& problem = call.problem;
  problem.row_count = problem.sample_count = data.row_count;
  problem.feature_count = data.feature_count;
  problem.seed = 1;
  problem.params.max_leaves = max_leaves;
  problem.params.min_child_samples = 20;
  if (kind != TreeKind::kBoosting) {
    problem.params.growth = kernels::GrowthPolicy::kDepthWise;
    problem.params.max_depth = 1024;
    problem.params.min_child_samples = 1;
    problem.params.columns_per_node =
        static_cast<int32_t>(std::sqrt(static_cast<double>(data.feature_count)));
    problem.params.random_thresholds = kind == TreeKind::kExtraTrees;
  }
  kernels::GrowTreeArgs& args = call.args;
  args.bins = data.view(bed.place(data.bins));
  args.bins.columns = bed.place(data.columns);
  args.rows = bed.place(data.rows);
  if (kind == TreeKind::kForest || kind == TreeKind::kExtraTrees) {
    problem.class_count = 2;
    args.classes = bed.place(data.classes);
    args.max_abs_gradient = 1;
  } else {
    args.gradients = bed.place(data.gradients);
    args.hessians = bed.place(data.hessians);
    args.max_abs_gradient = 1;
    args.max_hessian = 0.25f;
  }
  args.tree = &call.tree;
  args.leaf_of = bed.make<int32_t>(data.row_count);
}

kernels::Forest grow_forest(Bed& bed, const TreeData& data, int32_t leaves, int64_t tree_count) {
  const bool forest = leaves == 0;
  TreeCall call;
  place_call(bed, data, forest ? TreeKind::kForest : TreeKind::kBoosting, forest ? 1 << 30 : leaves,
             call);
  if (!forest) call.problem.params.columns_per_node = 9;  // so that trees differ
  const int32_t width = forest ? 2 : 1;
  kernels::Forest trees(width, width);
  for (int64_t t = 0; t < tree_count; ++t) {
    call.problem.seed = derive_seed(5, "bench tree", static_cast<uint64_t>(t));
    const Status status =
        run_op(bed.kernels().table<kernels::GrowTree>(), bed.context(), call.problem, call.args);
    if (status) trees.append(call.tree);
  }
  return trees;
}

kernels::ForestView place_forest(Bed& bed, const kernels::Forest& forest) {
  const auto copy = [&](auto items) {
    return bed.place(
        std::vector<std::remove_cvref_t<decltype(items[0])>>(items.begin(), items.end()));
  };
  kernels::ForestView view = forest.view();
  view.nodes = copy(forest.nodes());
  view.category_sets = nullptr;
  view.leaf_values = copy(forest.leaf_values());
  view.node_offsets = copy(forest.node_offsets());
  view.category_set_offsets = copy(forest.category_set_offsets());
  view.leaf_offsets = copy(forest.leaf_offsets());
  return view;
}

}  // namespace assay::bench
