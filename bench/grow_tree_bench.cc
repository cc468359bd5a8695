// One tree an iteration, or the trees of one round of boosting, together or one after the other.
// The counter `cells_per_second` counts rows x features once a tree: how many passes over the
// table's cells the tree is worth in time.
#include <memory>

#include "bench/tree_data.h"
#include "kernels/base/rng.h"
#include "kernels/grow_trees.h"

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

// The same from a table in the host's memory, where the device streams it.
void grow_tree_streamed(benchmark::State& state) {
  Bed& bed = Bed::instance();
  const kernels::DeviceInfo& info = bed.context().device->info();
  if (!info.shares_host_memory && !info.streams_tables) {
    return state.SkipWithError("the device takes no tables in the host's memory");
  }
  const TreeData data = TreeData::make(state.range(0), static_cast<int32_t>(state.range(1)));
  TreeCall call;
  place_call(bed, data, TreeKind::kBoosting, static_cast<int32_t>(state.range(2)), call);
  call.args.bins = data.view(data.bins.data());
  call.args.bins.on_host = true;
  bed.run<kernels::GrowTree>(state, call.problem, call.args);
  bed.report_bytes(state, static_cast<double>(data.row_count) * data.feature_count);
  bed.clear();
}

void streamed_sizes(benchmark::internal::Benchmark* bench) {
  bench->Args({100'000, 28, 31});
  if (on_gpu()) bench->Args({10'000'000, 64, 255});
}

BENCHMARK(grow_tree_streamed)
    ->ArgNames({"rows", "features", "leaves"})
    ->Apply(streamed_sizes)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

// The trees of a round: outputs with gradients of their own on all rows, or folds, each without its
// share of the rows.
struct Round {
  kernels::GrowTreesProblem problem;
  kernels::GrowTreesArgs args;
  std::vector<kernels::Tree> trees;

  void place(Bed& bed, const TreeData& data, size_t count, bool folds, int32_t max_leaves) {
    TreeCall call;
    place_call(bed, data, TreeKind::kBoosting, max_leaves, call);
    trees.resize(count);
    Rng rng(7);
    for (size_t k = 0; k < count; ++k) {
      std::vector<float> gradients = data.gradients;
      for (float& gradient : gradients) {
        gradient *= 0.5f + 0.5f * static_cast<float>(rng.next_double());
      }
      std::vector<uint32_t> rows;
      for (const uint32_t row : data.rows) {
        if (!folds || row % count != k) rows.push_back(row);
      }
      call.problem.seed = k;
      call.problem.sample_count = static_cast<int64_t>(rows.size());
      call.args.gradients = bed.place(gradients);
      if (folds) call.args.rows = bed.place(rows);
      call.args.tree = &trees[k];
      call.args.leaf_of = bed.make<int32_t>(data.row_count);
      problem.trees.push_back(call.problem);
      args.trees.push_back(call.args);
    }
  }
};

void grow_round(benchmark::State& state) {
  Bed& bed = Bed::instance();
  const TreeData data = TreeData::make(state.range(0), static_cast<int32_t>(state.range(1)));
  Round round;
  round.place(bed, data, static_cast<size_t>(state.range(3)), state.range(4) != 0,
              static_cast<int32_t>(state.range(2)));
  if (state.range(5) != 0) {
    bed.run<kernels::GrowTrees>(state, round.problem, round.args);
  } else {
    const auto plan = kernels::plan_op(bed.kernels().table<kernels::GrowTree>(),
                                       bed.device().info(), round.problem.trees[0]);
    for (auto _ : state) {
      for (size_t k = 0; k < round.trees.size(); ++k) {
        const Status grown =
            plan.chosen->run(bed.context(), round.problem.trees[k], round.args.trees[k]);
        if (!grown) return state.SkipWithError(grown.error().message.c_str());
      }
    }
  }
  const auto cells = static_cast<double>(data.row_count * data.feature_count);
  state.counters["cells_per_second"] =
      benchmark::Counter(cells * static_cast<double>(round.trees.size()),
                         benchmark::Counter::kIsIterationInvariantRate);
  bed.clear();
}

BENCHMARK(grow_round)
    ->ArgNames({"rows", "features", "leaves", "trees", "folds", "together"})
    ->ArgsProduct({{200'000}, {28}, {8, 31}, {7}, {0}, {0, 1}})
    ->ArgsProduct({{200'000}, {28}, {8, 31}, {5}, {1}, {0, 1}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace assay::bench
