// One tree an iteration. The counter `cells_per_second` counts rows x features once a tree: how
// many passes over the table's cells the tree is worth in time.
#include "bench/tree_data.h"

namespace assay::bench {
namespace {

constexpr int32_t kUnlimited = 1 << 30;

void grow_tree(benchmark::State& state) {
  Bed& bed = Bed::instance();
  const TreeData data = TreeData::make(state.range(0), static_cast<int32_t>(state.range(1)));
  TreeCall call;
  place_call(bed, data, static_cast<TreeKind>(state.range(3)), static_cast<int32_t>(state.range(2)),
             call);
  bed.run<kernels::GrowTree>(state, call.problem, call.args);
  state.counters["leaves"] = static_cast<double>((call.tree.nodes.size() + 1) / 2);
  state.counters["cells_per_second"] =
      benchmark::Counter(static_cast<double>(data.row_count) * data.feature_count,
                         benchmark::Counter::kIsIterationInvariantRate);
  bed.clear();
}

BENCHMARK(grow_tree)
    ->ArgNames({"rows", "features", "leaves", "kind"})
    ->Args({1'000'000, 28, 31, static_cast<int>(TreeKind::kBoosting)})
    ->Args({1'000'000, 28, 255, static_cast<int>(TreeKind::kBoosting)})
    ->Args({100'000, 28, 31, static_cast<int>(TreeKind::kBoosting)})
    ->Args({5'000, 14, 31, static_cast<int>(TreeKind::kBoosting)})
    ->Args({20'000, 2'000, 31, static_cast<int>(TreeKind::kBoosting)})
    ->Args({100'000, 28, kUnlimited, static_cast<int>(TreeKind::kForest)})
    ->Args({100'000, 28, kUnlimited, static_cast<int>(TreeKind::kRegressionForest)})
    ->Args({100'000, 28, kUnlimited, static_cast<int>(TreeKind::kExtraTrees)})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace assay::bench
