// Whole rounds of boosting on one device: gradients of the logistic loss, a tree, and its leaves
// added to the scores, with everything that is large made once and left on the device. Two tables
// by seed, shaped like the Higgs data (28 numeric columns, leaf by leaf) and like the airline data
// (13 columns, half of them categories, level by level). The counters are of one round: the seconds
// of its parts, and the bytes that crossed between host and device.
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "bench/kernel_bench.h"
#include "kernels/base/rng.h"
#include "kernels/device_array.h"
#include "kernels/grow_tree.h"

namespace assay::bench {
namespace {

using kernels::DeviceArray;
using kernels::FeatureKind;

struct Shape {
  int64_t row_count;
  int32_t feature_count;
  int32_t categorical_count;  // the last features
  int32_t max_leaves;
  int32_t max_depth;
};

// A table and the state of boosting, on the bed's device.
struct Boosting {
  Shape shape;
  std::vector<int32_t> bin_counts;
  std::vector<FeatureKind> kinds;
  kernels::BinnedView bins;
  const uint32_t* rows = nullptr;
  const int32_t* classes = nullptr;
  double* scores = nullptr;
  float* gradients = nullptr;
  float* hessians = nullptr;
  int32_t* leaf_of = nullptr;
  double seconds[3] = {};  // gradients, growing, predicting

  void fill(Bed& bed);
  Status round(Bed& bed, uint64_t seed);
};

// Cells of 255 levels; the class follows a few of them, with noise.
void Boosting::fill(Bed& bed) {
  const auto rows_here = static_cast<size_t>(shape.row_count);
  const auto features = static_cast<size_t>(shape.feature_count);
  std::vector<uint8_t> cells(rows_here * features);
  std::vector<int32_t> drawn(rows_here);
  std::vector<uint32_t> all(rows_here);
  Rng rng(11);
  for (size_t row = 0; row < rows_here; ++row) {
    uint32_t word = 0;
    double sum = 0;
    for (size_t f = 0; f < features; ++f) {
      if (f % 4 == 0) word = rng.next_u32();
      const auto code = static_cast<uint8_t>(1 + (word >> (8 * (f % 4)) & 0xff) % 254);
      cells[row * features + f] = code;
      if (f < 6) sum += (f % 2 == 0 ? 1 : -1) * static_cast<double>(code);
    }
    drawn[row] = sum + 200 * (rng.next_double() - 0.5) > 0 ? 1 : 0;
    all[row] = static_cast<uint32_t>(row);
  }
  bin_counts.assign(features, 255);
  kinds.assign(features, FeatureKind::kNumeric);
  for (int32_t k = 0; k < shape.categorical_count; ++k) {
    kinds[features - 1 - static_cast<size_t>(k)] = FeatureKind::kCategorical;
  }
  bins = {bed.place(cells), shape.row_count, shape.feature_count, bin_counts.data(), kinds.data()};
  rows = bed.place(all);
  classes = bed.place(drawn);
  scores = const_cast<double*>(bed.place(std::vector<double>(rows_here, 0.0)));
  gradients = bed.make<float>(shape.row_count);
  hessians = bed.make<float>(shape.row_count);
  leaf_of = bed.make<int32_t>(shape.row_count);
}

// One tree, packed, on a device.
struct PlacedTree {
  kernels::Forest forest{1, 1};
  DeviceArray<kernels::TreeNode> nodes;
  DeviceArray<kernels::CategorySet> sets;
  DeviceArray<float> values;
  DeviceArray<int64_t> begins;  // of the three arrays: all 0
  kernels::ForestView view;

  Status place(kernels::Device& device, const kernels::Tree& tree) {
    forest.append(tree);
    const std::vector<int64_t> zero{0};
    ASSAY_ASSIGN_OR_RETURN(nodes, DeviceArray<kernels::TreeNode>::copy_of(device, forest.nodes()));
    ASSAY_ASSIGN_OR_RETURN(
        sets, DeviceArray<kernels::CategorySet>::copy_of(device, forest.category_sets()));
    ASSAY_ASSIGN_OR_RETURN(values, DeviceArray<float>::copy_of(device, forest.leaf_values()));
    ASSAY_ASSIGN_OR_RETURN(begins, DeviceArray<int64_t>::copy_of(device, zero));
    view = forest.view();
    view.nodes = nodes.on_device();
    view.category_sets = sets.on_device();
    view.leaf_values = values.on_device();
    view.node_offsets = view.category_set_offsets = view.leaf_offsets = begins.on_device();
    return {};
  }
};

template <class Op>
Status run(Bed& bed, const typename Op::Problem& problem, const typename Op::Args& args,
           double& seconds) {
  const auto start = std::chrono::steady_clock::now();
  const Status status = kernels::run_op(bed.kernels().table<Op>(), bed.context(), problem, args);
  seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return status;
}

Status Boosting::round(Bed& bed, uint64_t seed) {
  const kernels::LossProblem loss{kernels::Loss::kLogistic, shape.row_count, shape.row_count, 1};
  float greatest[2] = {};
  kernels::LossGradientsArgs loss_args;
  loss_args.scores = scores;
  loss_args.classes = classes;
  loss_args.gradients = gradients;
  loss_args.hessians = hessians;
  loss_args.max_abs_gradients = &greatest[0];
  loss_args.max_hessians = &greatest[1];
  ASSAY_RETURN_IF_ERROR(run<kernels::LossGradients>(bed, loss, loss_args, seconds[0]));

  kernels::GrowTreeProblem problem;
  problem.row_count = problem.sample_count = shape.row_count;
  problem.feature_count = shape.feature_count;
  problem.seed = seed;
  problem.params.max_leaves = shape.max_leaves;
  problem.params.max_depth = shape.max_depth;
  problem.params.growth =
      shape.max_depth < 64 ? kernels::GrowthPolicy::kDepthWise : kernels::GrowthPolicy::kLeafWise;
  problem.params.min_child_samples = 20;
  problem.params.l2 = 1;
  problem.params.leaf_scale = 0.1;
  kernels::Tree tree;
  kernels::GrowTreeArgs args;
  args.bins = bins;
  args.rows = rows;
  args.gradients = gradients;
  args.hessians = hessians;
  args.max_abs_gradient = greatest[0];
  args.max_hessian = greatest[1];
  args.tree = &tree;
  args.leaf_of = leaf_of;
  ASSAY_RETURN_IF_ERROR(run<kernels::GrowTree>(bed, problem, args, seconds[1]));

  PlacedTree placed;
  ASSAY_RETURN_IF_ERROR(placed.place(bed.device(), tree));
  kernels::PredictTreesArgs predict;
  predict.bins = bins;
  predict.forest = placed.view;
  predict.scores = scores;
  return run<kernels::PredictTrees>(bed, {shape.row_count, shape.feature_count, 0, 1, 1, 1},
                                    predict, seconds[2]);
}

// Arguments: thousands of rows, kind (0 Higgs-like, 1 airline-like), rounds.
void boosting(benchmark::State& state) {
  Bed& bed = Bed::instance();
  const int64_t rows = state.range(0) * 1000;
  const bool higgs = state.range(1) == 0;
  Boosting work;
  work.shape = higgs ? Shape{rows, 28, 0, 255, 64} : Shape{rows, 13, 6, 1 << 10, 10};
  work.fill(bed);
  const int64_t rounds = state.range(2);
  const int64_t sent = bed.device().uploaded_bytes();
  const int64_t fetched = bed.device().downloaded_bytes();
  int64_t done = 0;
  for (auto _ : state) {
    for (int64_t k = 0; k < rounds; ++k) {
      if (Status status = work.round(bed, static_cast<uint64_t>(++done)); !status) {
        return state.SkipWithError(status.error().message.c_str());
      }
    }
  }
  const auto a_round = [&](double total) { return total / static_cast<double>(done); };
  state.counters["s_gradients"] = a_round(work.seconds[0]);
  state.counters["s_grow"] = a_round(work.seconds[1]);
  state.counters["s_predict"] = a_round(work.seconds[2]);
  const auto moved = static_cast<double>(bed.device().uploaded_bytes() - sent +
                                         bed.device().downloaded_bytes() - fetched);
  state.counters["bytes_moved"] = a_round(moved);
  state.SetLabel(bed.device().info().id);
  bed.clear();
}

BENCHMARK(boosting)
    ->ArgNames({"krows", "airline", "rounds"})
    ->Args({100, 0, 10})
    ->Args({1'000, 0, 10})
    ->Args({10'500, 0, 20})
    ->Args({10'500, 0, 500})
    ->Args({10'000, 1, 10})
    ->Args({10'000, 1, 100})
    ->Iterations(1)
    ->Unit(benchmark::kSecond)
    ->UseRealTime();

}  // namespace
}  // namespace assay::bench
