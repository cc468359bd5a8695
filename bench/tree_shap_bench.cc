// Contributions of features to the sums of boosted trees, on the rows they were grown on.
#include "bench/tree_data.h"
#include "kernels/tree_shap_plan.h"

namespace assay::bench {
namespace {

constexpr int64_t kTrainRows = 100'000;

void tree_shap(benchmark::State& state) {
  Bed& bed = Bed::instance();
  const TreeData data = TreeData::make(kTrainRows, 28);
  const kernels::Forest forest =
      grow_forest(bed, data, static_cast<int32_t>(state.range(2)), state.range(1));
  if (forest.tree_count() != state.range(1)) {
    bed.clear();
    return state.SkipWithError("no implementation on this device grows such trees");
  }
  const kernels::TreeShapPlan plan(forest, data.feature_count);
  const auto copy = [&](auto items) {
    return bed.place(
        std::vector<std::remove_cvref_t<decltype(items[0])>>(items.begin(), items.end()));
  };
  const kernels::TreeShapProblem problem = plan.problem(state.range(0));
  kernels::TreeShapArgs args;
  args.bins = data.view(bed.place(data.bins));
  args.forest = place_forest(bed, forest);
  args.shap = {copy(plan.steps()), copy(plan.trees()), copy(plan.points()), copy(plan.weights())};
  const std::vector<double> zeros(static_cast<size_t>(problem.row_count * problem.feature_count),
                                  0.0);
  args.out = bed.make<double>(static_cast<int64_t>(zeros.size()));
  if (!bed.device().upload(args.out, std::as_bytes(std::span(zeros)))) {
    return state.SkipWithError("the contributions cannot be sent to the device");
  }
  bed.run<kernels::TreeShap>(state, problem, args);
  const auto rows = static_cast<double>(problem.row_count);
  state.counters["rows_per_second"] =
      benchmark::Counter(rows, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["nodes_points_a_row"] = static_cast<double>(problem.work);
  bed.clear();
}

void set_shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"rows", "trees", "leaves"});
  for (const int64_t leaves : {31, 255}) {
    for (const int64_t rows : {1, 400, 10'000}) bench->Args({rows, 100, leaves});
    if (on_gpu()) bench->Args({100'000, 100, leaves});
  }
}
BENCHMARK(tree_shap)->Apply(set_shapes)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace assay::bench
