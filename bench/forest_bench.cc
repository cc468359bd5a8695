// A forest of 1,000 trees to purity that count classes, over a table of the shape of the covertype
// data: numbers and many columns of two values, seven classes. Trees are of bootstrap samples,
// which come as weights, and look at the square root of the columns a node.
//
// Arguments: thousands of rows, trees, and how many grow in a call of grow_trees. The samples are
// placed beforehand, as many as a call takes; calls take turns with them.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "bench/kernel_bench.h"
#include "kernels/base/rng.h"
#include "kernels/grow_trees.h"

namespace assay::bench {
namespace {

constexpr int32_t kNumbers = 10;
constexpr int32_t kFlags = 44;
constexpr int32_t kClassCount = 7;

struct CoverTable {
  std::vector<int32_t> bin_counts;
  std::vector<kernels::FeatureKind> kinds;
  std::vector<int32_t> classes;
  kernels::BinnedView view;

  void fill(Bed& bed, int64_t row_count) {
    bin_counts.assign(kNumbers, 255);
    bin_counts.resize(kNumbers + kFlags, 3);
    kinds.assign(bin_counts.size(), kernels::FeatureKind::kNumeric);
    view = {nullptr, row_count, kNumbers + kFlags, bin_counts.data(), kinds.data()};
    std::vector<uint8_t> cells(static_cast<size_t>(view.byte_count()), 1);
    std::vector<uint8_t> columns(cells.size(), 1);
    Rng rng(1998);
    const auto put = [&](int64_t row, int32_t feature, uint8_t code) {
      cells[static_cast<size_t>(view.cell_offset(row, feature))] = code;
      columns[static_cast<size_t>(feature * row_count + row)] = code;
    };
    for (int64_t row = 0; row < row_count; ++row) {
      // One flag of the first four, one of the others, as one-hot columns have it.
      const auto area = static_cast<int32_t>(rng.below(4));
      const auto soil = static_cast<int32_t>(rng.below(40));
      put(row, kNumbers + area, 2);
      put(row, kNumbers + 4 + soil, 2);
      double height = area + 0.05 * soil;
      for (int32_t f = 0; f < kNumbers; ++f) {
        const auto code = static_cast<uint8_t>(1 + rng.below(254));
        put(row, f, code);
        height += std::sin(static_cast<double>(code) * 0.01 * (f + 1));
      }
      const double noisy = height + 0.6 * (rng.next_double() - 0.5);
      classes.push_back(std::clamp(static_cast<int32_t>(noisy * 0.9), 0, kClassCount - 1));
    }
    view.bins = bed.place(cells);
    view.columns = bed.place(columns);
  }
};

struct ForestCall {
  CoverTable table;
  kernels::GrowTreesProblem problem;
  kernels::GrowTreesArgs args;
  std::vector<kernels::Tree> trees;

  void place(Bed& bed, int64_t row_count, int64_t tree_count) {
    table.fill(bed, row_count);
    trees.resize(static_cast<size_t>(tree_count));
    const int32_t* classes = bed.place(table.classes);
    for (size_t t = 0; t < trees.size(); ++t) {
      Rng rng(derive_seed(1, "bootstrap", t));
      std::vector<float> weights(static_cast<size_t>(row_count), 0.0f);
      for (int64_t i = 0; i < row_count; ++i) {
        weights[rng.below(static_cast<uint64_t>(row_count))] += 1;
      }
      std::vector<uint32_t> rows;
      for (size_t row = 0; row < weights.size(); ++row) {
        if (weights[row] > 0) rows.push_back(static_cast<uint32_t>(row));
      }
      kernels::GrowTreeProblem tree;
      tree.row_count = row_count;
      tree.sample_count = static_cast<int64_t>(rows.size());
      tree.feature_count = table.view.feature_count;
      tree.class_count = kClassCount;
      tree.seed = t;
      tree.params.growth = kernels::GrowthPolicy::kDepthWise;
      tree.params.max_leaves = 1 << 22;
      tree.params.max_depth = 1024;
      tree.params.columns_per_node =
          static_cast<int32_t>(std::sqrt(static_cast<double>(tree.feature_count)));
      kernels::GrowTreeArgs call;
      call.bins = table.view;
      call.rows = bed.place(rows);
      call.classes = classes;
      call.weights = bed.place(weights);
      call.max_abs_gradient = *std::max_element(weights.begin(), weights.end());
      call.leaf_of = bed.make<int32_t>(tree.sample_count);
      call.tree = &trees[t];
      problem.trees.push_back(tree);
      args.trees.push_back(call);
    }
  }
};

void forest(benchmark::State& state) {
  Bed& bed = Bed::instance();
  ForestCall call;
  call.place(bed, 1000 * state.range(0), state.range(2));
  const auto& table = bed.kernels().table<kernels::GrowTrees>();
  const int64_t calls = std::max<int64_t>(1, state.range(1) / state.range(2));
  for (auto _ : state) {
    for (int64_t i = 0; i < calls; ++i) {
      // Other draws of columns each time.
      for (kernels::GrowTreeProblem& tree : call.problem.trees) tree.seed += call.trees.size();
      const Status grown = kernels::run_op(table, bed.context(), call.problem, call.args);
      if (!grown) return state.SkipWithError(grown.error().message.c_str());
    }
  }
  state.SetLabel(bed.device().info().id);
  size_t leaves = 0;
  for (const kernels::Tree& tree : call.trees) leaves += tree.leaf_values.size() / kClassCount;
  state.counters["leaves_a_tree"] =
      static_cast<double>(leaves) / static_cast<double>(call.trees.size());
  state.counters["ms_a_tree"] = benchmark::Counter(
      static_cast<double>(calls * state.range(2)) * 1e-3,
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  bed.clear();
}

BENCHMARK(forest)
    ->ArgNames({"krows", "trees", "together"})
    ->Args({100, 16, 1})
    ->Args({100, 16, 16})
    ->Args({100, 1000, 16})
    ->Args({500, 16, 16})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace assay::bench
