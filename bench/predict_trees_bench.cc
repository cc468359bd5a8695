// Prediction with grown trees, on the rows they were grown on.
#include "bench/tree_data.h"
#include "kernels/predict_trees.h"

namespace assay::bench {
namespace {

constexpr int64_t kTrainRows = 100'000;

// With `cache`, what the device keeps of the forest is made before.
void run_predict(benchmark::State& state, kernels::ForestCache* cache) {
  Bed& bed = Bed::instance();
  const TreeData data = TreeData::make(kTrainRows, 28);
  const kernels::Forest forest =
      grow_forest(bed, data, static_cast<int32_t>(state.range(2)), state.range(1));
  if (forest.tree_count() != state.range(1)) {
    bed.clear();
    return state.SkipWithError("no implementation on this device grows such trees");
  }
  kernels::PredictTreesProblem problem;
  problem.row_count = state.range(0);
  problem.feature_count = data.feature_count;
  problem.tree_end = forest.tree_count();
  problem.leaf_width = forest.leaf_width();
  problem.output_count = forest.output_count();
  kernels::PredictTreesArgs args;
  args.bins = data.view(bed.place(data.bins));
  args.forest = place_forest(bed, forest);
  args.cache = cache;
  if (cache != nullptr) cache->count_rows(kTrainRows);
  const std::vector<double> zeros(static_cast<size_t>(problem.row_count * problem.output_count),
                                  0.0);
  args.scores = bed.make<double>(static_cast<int64_t>(zeros.size()));
  if (!bed.device().upload(args.scores, std::as_bytes(std::span(zeros)))) {
    return state.SkipWithError("the scores cannot be sent to the device");
  }
  bed.run<kernels::PredictTrees>(state, problem, args);
  state.counters["rows_per_second"] = benchmark::Counter(
      static_cast<double>(problem.row_count), benchmark::Counter::kIsIterationInvariantRate);
  bed.clear();
}

void predict_trees(benchmark::State& state) { run_predict(state, nullptr); }

void predict_trees_kept(benchmark::State& state) {
  kernels::ForestCache cache;
  run_predict(state, &cache);
}

// Leaves 0: a forest grown to purity.
BENCHMARK(predict_trees)
    ->ArgNames({"rows", "trees", "leaves"})
    ->Args({100'000, 100, 31})
    ->Args({100'000, 100, 255})
    ->Args({100'000, 50, 0})
    ->Args({1'000, 100, 31})
    ->Args({1, 100, 31})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(predict_trees_kept)
    ->ArgNames({"rows", "trees", "leaves"})
    ->Args({1, 100, 31})
    ->Args({1, 100, 63})
    ->Args({1, 100, 127})
    ->Args({8, 100, 31})
    ->Args({1'000, 100, 31})
    ->Args({1'000, 50, 0})
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();

}  // namespace
}  // namespace assay::bench
