// A small table under many models at once: the trees of one round of boosting of 8 configurations
// on 8 folds each, over a table of the shape of the adult data. All 64 in one call of grow_trees,
// against 64 calls of grow_tree one after another, which do the same trees. A small table leaves
// most of a GPU idle in one tree; whether many trees fill it is what this tells.
//
// Arguments: folds, configurations, and 1 for one call. `ms_a_tree` is of the whole.
#include <array>
#include <cmath>
#include <vector>

#include "bench/kernel_bench.h"
#include "kernels/base/rng.h"
#include "kernels/grow_trees.h"

namespace assay::bench {
namespace {

using kernels::FeatureKind;

// A column of the adult data: its codes, and the share of rows that have its first value.
struct Column {
  int32_t codes;
  FeatureKind kind;
  double first_share;
};
constexpr auto kNumber = FeatureKind::kNumeric;
constexpr auto kCategory = FeatureKind::kCategorical;
constexpr std::array<Column, 14> kColumns = {{{75, kNumber, 0},
                                              {11, kCategory, 0.7},
                                              {255, kNumber, 0},
                                              {18, kCategory, 0.3},
                                              {18, kNumber, 0},
                                              {9, kCategory, 0.5},
                                              {17, kCategory, 0.1},
                                              {8, kCategory, 0.4},
                                              {7, kCategory, 0.85},
                                              {4, kCategory, 0.67},
                                              {122, kNumber, 0.92},
                                              {102, kNumber, 0.95},
                                              {98, kNumber, 0.47},
                                              {44, kCategory, 0.9}}};
constexpr int64_t kRows = 32'561;

// The table and what trees of it need, on the bed's device.
struct SmallTable {
  std::vector<int32_t> bin_counts;
  std::vector<FeatureKind> kinds;
  std::vector<int32_t> classes;
  kernels::BinnedView view;

  void fill(Bed& bed) {
    for (const Column& column : kColumns) {
      bin_counts.push_back(column.codes);
      kinds.push_back(column.kind);
    }
    view = {nullptr, kRows, static_cast<int32_t>(kColumns.size()), bin_counts.data(), kinds.data()};
    std::vector<uint8_t> cells(static_cast<size_t>(view.byte_count()));
    std::vector<uint8_t> columns(cells.size());
    Rng rng(1994);
    for (int64_t row = 0; row < kRows; ++row) {
      double signal = 0;
      for (int32_t f = 0; f < view.feature_count; ++f) {
        const Column& column = kColumns[static_cast<size_t>(f)];
        const int32_t first = column.kind == kNumber ? 1 : 2;
        const auto others = static_cast<uint64_t>(column.codes - first);
        const uint64_t drawn = rng.below(others);
        const bool usual = rng.next_double() < column.first_share;
        const auto code = static_cast<uint8_t>(first + (usual ? 0 : static_cast<int32_t>(drawn)));
        cells[static_cast<size_t>(view.cell_offset(row, f))] = code;
        columns[static_cast<size_t>(f * kRows + row)] = code;
        signal += std::sin(static_cast<double>(code) * (f + 1));
      }
      classes.push_back(signal + 4 * (rng.next_double() - 0.5) > 1.5 ? 1 : 0);
    }
    view.bins = bed.place(cells);
    view.columns = bed.place(columns);
  }
};

// The trees: one for each fold and configuration, with gradients of its own.
struct Batch {
  SmallTable table;
  kernels::GrowTreesProblem problem;
  kernels::GrowTreesArgs args;
  std::vector<kernels::Tree> trees;

  void place(Bed& bed, int64_t folds, int64_t configurations) {
    table.fill(bed);
    trees.resize(static_cast<size_t>(folds * configurations));
    for (int64_t fold = 0; fold < folds; ++fold) {
      std::vector<uint32_t> rows;
      for (int64_t row = 0; row < kRows; ++row) {
        if (folds == 1 || row % folds != fold) rows.push_back(static_cast<uint32_t>(row));
      }
      kernels::GrowTreeArgs call;
      call.bins = table.view;
      call.rows = bed.place(rows);
      for (int64_t k = 0; k < configurations; ++k) {
        add(bed, call, static_cast<int64_t>(rows.size()), k);
      }
    }
  }

 private:
  // The k-th configuration on the rows of `call`.
  void add(Bed& bed, kernels::GrowTreeArgs call, int64_t sample_count, int64_t k) {
    const size_t at = problem.trees.size();
    Rng rng(derive_seed(7, "gradients", at));
    std::vector<float> gradients;
    std::vector<float> hessians;
    for (const int32_t label : table.classes) {
      const double p = 0.05 + 0.9 * rng.next_double();
      gradients.push_back(static_cast<float>(p - label));
      hessians.push_back(static_cast<float>(p * (1 - p)));
    }
    kernels::GrowTreeProblem tree;
    tree.row_count = kRows;
    tree.sample_count = sample_count;
    tree.feature_count = table.view.feature_count;
    tree.seed = at;
    tree.params.max_leaves = 16 << (k % 4);
    tree.params.min_child_samples = k < 4 ? 20 : 5;
    tree.params.l2 = static_cast<double>(1 + k);
    tree.params.leaf_scale = 0.1;
    call.gradients = bed.place(gradients);
    call.hessians = bed.place(hessians);
    call.max_abs_gradient = 1;
    call.max_hessian = 0.25f;
    call.leaf_of = bed.make<int32_t>(sample_count);
    call.tree = &trees[at];
    problem.trees.push_back(tree);
    args.trees.push_back(call);
  }
};

void grow_one_by_one(Bed& bed, benchmark::State& state, const Batch& batch) {
  const kernels::OpTable<kernels::GrowTree>& table = bed.kernels().table<kernels::GrowTree>();
  for (auto _ : state) {
    for (size_t k = 0; k < batch.problem.trees.size(); ++k) {
      const Status grown =
          kernels::run_op(table, bed.context(), batch.problem.trees[k], batch.args.trees[k]);
      if (!grown) return state.SkipWithError(grown.error().message.c_str());
    }
  }
  state.SetLabel(bed.device().info().id);
}

void grow_trees_batch(benchmark::State& state) {
  Bed& bed = Bed::instance();
  Batch batch;
  batch.place(bed, state.range(0), state.range(1));
  if (state.range(2) != 0) {
    bed.run<kernels::GrowTrees>(state, batch.problem, batch.args);
  } else {
    grow_one_by_one(bed, state, batch);
  }
  const auto count = static_cast<double>(batch.trees.size());
  size_t leaves = 0;
  for (const kernels::Tree& tree : batch.trees) leaves += tree.leaf_values.size();
  state.counters["leaves_a_tree"] = static_cast<double>(leaves) / count;
  state.counters["ms_a_tree"] = benchmark::Counter(
      count * 1e-3, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  bed.clear();
}

BENCHMARK(grow_trees_batch)
    ->ArgNames({"folds", "configs", "together"})
    ->ArgsProduct({{8}, {8}, {0, 1}})
    ->ArgsProduct({{8}, {1}, {0, 1}})
    ->Args({1, 1, 0})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace assay::bench
