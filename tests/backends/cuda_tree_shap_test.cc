// tree_shap of the CUDA backend where the conformance suite does not reach: little memory, rows
// that take too much of it, and stopping before a launch.
#include <gtest/gtest.h>

#include "backends/cuda/cuda_kernels.h"
#include "kernels/device_array.h"
#include "kernels/reference/reference_ops.h"
#include "kernels/tree_shap_plan.h"
#include "tests/conformance/emulated_gpu.h"
#include "tests/conformance/tree_problems.h"

namespace assay::backends::cuda {
namespace {

using conformance::EmulatedGpu;
using kernels::DeviceArray;
using kernels::Forest;
using kernels::TreeShapArgs;
using kernels::TreeShapPlan;

constexpr int64_t kRowCount = 1000;
constexpr int32_t kFeatureCount = 6;

struct ExplainedForest {
  conformance::BinnedTable table;
  Forest forest{1, 1};

  ExplainedForest() {
    Rng rng(11);
    table = conformance::random_table({kRowCount, kFeatureCount, 0, 0.5}, rng);
    for (int t = 0; t < 3; ++t) forest.append(conformance::random_tree({20, 1}, table, rng));
  }
};

std::vector<double> expected_of(const ExplainedForest& data) {
  const TreeShapPlan plan(data.forest, kFeatureCount);
  std::vector<double> out(kRowCount * kFeatureCount, 0.0);
  const Status status =
      kernels::reference::tree_shap({}, plan.problem(kRowCount),
                                    {data.table.view(data.table.bins.data()), data.forest.view(),
                                     plan.view(), nullptr, out.data()});
  EXPECT_TRUE(status);
  return out;
}

const kernels::Implementation<kernels::TreeShap>& implementation() {
  static const kernels::KernelSet* const kKernels = [] {
    auto* kernels = new kernels::KernelSet;
    register_tree_shap(*kernels);
    return kernels;
  }();
  return kKernels->table<kernels::TreeShap>().items().front();
}

Result<std::vector<double>> explain(const ExplainedForest& data, kernels::Device& device,
                                    const StopToken* stop = nullptr) {
  const TreeShapPlan plan(data.forest, kFeatureCount);
  const auto copy = [&]<class T>(std::span<const T> items) {
    return DeviceArray<T>::copy_of(device, items).value();
  };
  const auto bins = copy(std::span<const uint8_t>(data.table.bins));
  const auto nodes = copy(data.forest.nodes());
  const auto sets = copy(data.forest.category_sets());
  const auto values = copy(data.forest.leaf_values());
  const auto node_offsets = copy(data.forest.node_offsets());
  const auto set_offsets = copy(data.forest.category_set_offsets());
  const auto leaf_offsets = copy(data.forest.leaf_offsets());
  const auto steps = copy(plan.steps());
  const auto trees = copy(plan.trees());
  const auto points = copy(plan.points());
  const auto weights = copy(plan.weights());
  const std::vector<double> zeros(kRowCount * kFeatureCount, 0.0);
  auto out = copy(std::span<const double>(zeros));
  TreeShapArgs args;
  args.bins = data.table.view(bins.on_device());
  args.forest = {nodes.on_device(),        sets.on_device(),         values.on_device(),
                 node_offsets.on_device(), set_offsets.on_device(),  leaf_offsets.on_device(),
                 data.forest.tree_count(), data.forest.leaf_width(), data.forest.output_count()};
  args.shap = {steps.on_device(), trees.on_device(), points.on_device(), weights.on_device()};
  args.out = out.on_device();
  SerialExecutor serial;
  ASSAY_RETURN_IF_ERROR(
      implementation().run({&device, &serial, stop}, plan.problem(kRowCount), args));
  ASSAY_ASSIGN_OR_RETURN(const auto found, out.to_host());
  return std::vector<double>(found.begin(), found.end());
}

TEST(CudaTreeShap, LittleMemoryMeansMoreRoundsAndTheSameBits) {
  const ExplainedForest data;
  const std::vector<double> expected = expected_of(data);
  int64_t launches[2] = {};
  for (const bool roomy : {false, true}) {
    EmulatedGpu gpu = conformance::open_emulated_gpu(roomy ? 64 << 20 : 2'000'000);
    const auto found = explain(data, *gpu.device);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(*found, expected);
    launches[roomy ? 1 : 0] = gpu.driver->log().launches;
  }
  EXPECT_GT(launches[0], 1);
  EXPECT_EQ(launches[1], 1);
}

TEST(CudaTreeShap, StoppedRunLaunchesNothing) {
  EmulatedGpu gpu = conformance::open_emulated_gpu(16 << 20);
  StopToken stop;
  stop.request();
  const auto found = explain(ExplainedForest(), *gpu.device, &stop);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, StatusCode::kCancelled);
  EXPECT_EQ(gpu.driver->log().launches, 0);
}

TEST(CudaTreeShap, MemoryThatHoldsNoBlockOfRowsIsResourceExhausted) {
  EmulatedGpu gpu = conformance::open_emulated_gpu(150'000);
  const auto found = explain(ExplainedForest(), *gpu.device);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, StatusCode::kResourceExhausted);
}

TEST(CudaTreeShap, DeclinesRowsThatTakeTooMuchScratchMemory) {
  const EmulatedGpu gpu = conformance::open_emulated_gpu(16 << 20);
  kernels::TreeShapProblem problem{1'000'000, 100, 50, 1, 1, 30, 509, 0};
  EXPECT_FALSE(implementation().decline(gpu.device->info(), problem));
  problem.most_depth = 5000;
  const auto reason = implementation().decline(gpu.device->info(), problem);
  ASSERT_TRUE(reason);
  // 100 contributions, 5001 levels of 4 points and 4 numbers, 16 words of bits.
  EXPECT_EQ(*reason, "a row takes 640992 bytes of scratch memory (at most 262144)");
}

}  // namespace
}  // namespace assay::backends::cuda
