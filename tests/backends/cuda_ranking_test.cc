// Losses of rankings of the CUDA backend where the conformance suite does not reach: groups of many
// rows, memory, failures of the driver, and stopping.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "backends/cuda/cuda_kernels.h"
#include "backends/cuda/device.h"
#include "kernels/base/rng.h"
#include "kernels/device_array.h"
#include "kernels/planner.h"
#include "kernels/reference/reference_ops.h"
#include "tests/backends/driver_failures.h"
#include "tests/conformance/emulated_gpu.h"

namespace assay::backends::cuda {
namespace {

using conformance::EmulatedGpu;
using kernels::DeviceArray;
using kernels::Loss;
using kernels::LossGradients;
using kernels::LossProblem;
using kernels::LossValue;

// Rows in groups, with a score and a relevance each.
struct RankedData {
  LossProblem problem;
  std::vector<int64_t> ends;
  std::vector<double> scores;
  std::vector<double> targets;

  RankedData(std::vector<int64_t> group_ends, double cut) : ends(std::move(group_ends)) {
    const int64_t rows = ends.back();
    problem = {Loss::kLambdaRank, rows, rows, 1, cut, static_cast<int64_t>(ends.size())};
    Rng rng(3);
    for (int64_t row = 0; row < rows; ++row) {
      // Some scores are equal.
      scores.push_back(static_cast<double>(rng.below(50)) * 0.1);
      targets.push_back(static_cast<double>(rng.below(4)));
    }
  }
};

struct RankedLoss {
  std::vector<float> gradients;
  std::vector<float> hessians;
  float max_gradient = 0;
  float max_hessian = 0;
  double value = 0;
  bool operator==(const RankedLoss&) const = default;
};

RankedLoss reference_loss(const RankedData& data) {
  RankedLoss loss;
  loss.gradients.resize(data.scores.size());
  loss.hessians.resize(data.scores.size());
  EXPECT_TRUE(kernels::reference::loss_gradients(
      {}, data.problem,
      {nullptr, data.scores.data(), data.targets.data(), nullptr, nullptr, loss.gradients.data(),
       loss.hessians.data(), &loss.max_gradient, &loss.max_hessian, data.ends.data()}));
  EXPECT_TRUE(kernels::reference::loss_value({}, data.problem,
                                             {nullptr, data.scores.data(), data.targets.data(),
                                              nullptr, nullptr, &loss.value, data.ends.data()}));
  return loss;
}

// Gradients, then the value.
Status compute_loss(const RankedData& data, kernels::Device& device, RankedLoss& loss,
                    const StopToken* stop = nullptr) {
  kernels::KernelSet set;
  register_loss(set);
  const kernels::OpContext context{&device, nullptr, stop};
  const int64_t rows = data.problem.row_count;
  ASSAY_ASSIGN_OR_RETURN(auto scores, DeviceArray<double>::copy_of(device, data.scores));
  ASSAY_ASSIGN_OR_RETURN(auto targets, DeviceArray<double>::copy_of(device, data.targets));
  ASSAY_ASSIGN_OR_RETURN(auto gradients, DeviceArray<float>::make(device, rows));
  ASSAY_ASSIGN_OR_RETURN(auto hessians, DeviceArray<float>::make(device, rows));
  ASSAY_RETURN_IF_ERROR(kernels::run_op(
      set.table<LossGradients>(), context, data.problem,
      {nullptr, scores.on_device(), targets.on_device(), nullptr, nullptr, gradients.on_device(),
       hessians.on_device(), &loss.max_gradient, &loss.max_hessian, data.ends.data()}));
  ASSAY_RETURN_IF_ERROR(kernels::run_op(set.table<LossValue>(), context, data.problem,
                                        {nullptr, scores.on_device(), targets.on_device(), nullptr,
                                         nullptr, &loss.value, data.ends.data()}));
  gradients.wrote_device();
  hessians.wrote_device();
  ASSAY_ASSIGN_OR_RETURN(const auto slopes, gradients.to_host());
  ASSAY_ASSIGN_OR_RETURN(const auto bends, hessians.to_host());
  loss.gradients.assign(slopes.begin(), slopes.end());
  loss.hessians.assign(bends.begin(), bends.end());
  return {};
}

// One group of many blocks' rows beside groups of a few rows and of none.
TEST(CudaRanking, GroupsOfAnySizeAreRankedTogether) {
  for (const double cut : {0.5, 10.0, 1e9}) {
    const RankedData data({0, 3, 3, 4, 2004, 2005, 2133, 2133}, cut);
    EmulatedGpu gpu = conformance::open_emulated_gpu(int64_t{16} << 20);
    RankedLoss found;
    const Status status = compute_loss(data, *gpu.device, found);
    ASSERT_TRUE(status) << status.error().message;
    EXPECT_GT(found.value, 0);
    EXPECT_TRUE(found == reference_loss(data)) << cut;
  }
}

// Worked out by hand: two rows, the more relevant one behind. Its gain is 1, the discounts are 1
// and ln 2 / ln 3, and the best order is worth 1; scores are equal, so p is 1/2.
TEST(CudaRanking, TwoRowsPullAtEachOther) {
  RankedData data({2}, 10);
  data.scores = {1, 1};
  data.targets = {0, 1};
  EmulatedGpu gpu = conformance::open_emulated_gpu(int64_t{16} << 20);
  RankedLoss found;
  ASSERT_TRUE(compute_loss(data, *gpu.device, found));
  const double delta = 1 - std::log(2.0) / std::log(3.0);
  EXPECT_FLOAT_EQ(found.gradients[0], static_cast<float>(delta / 2));
  EXPECT_FLOAT_EQ(found.gradients[1], static_cast<float>(-delta / 2));
  EXPECT_FLOAT_EQ(found.hessians[0], static_cast<float>(delta / 4));
  EXPECT_NEAR(found.value, delta * std::log(2.0) / 2, 1e-12);
}

// 24 bytes a row and 16 a group, beside the caller's arrays and 16 bytes a row of terms.
TEST(CudaRanking, RanksTakeTheMemoryThatIsStated) {
  std::vector<int64_t> ends;
  while (ends.size() < 200) ends.push_back(100 * static_cast<int64_t>(ends.size() + 1));
  const RankedData data(ends, 3);
  const int64_t wanted = 20'000 * (24 + 24 + 16) + 200 * 16;
  for (const int64_t spare : {2'000, -2'000}) {
    EmulatedGpu gpu = conformance::open_emulated_gpu(wanted + spare);
    RankedLoss found;
    const Status status = compute_loss(data, *gpu.device, found);
    EXPECT_EQ(static_cast<CudaDevice&>(*gpu.device).held_bytes(), 0);
    if (spare > 0) {
      EXPECT_TRUE(status) << status.error().message;
      continue;
    }
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, StatusCode::kResourceExhausted);
  }
}

TEST(CudaRanking, StoppedRunLaunchesNothing) {
  EmulatedGpu gpu = conformance::open_emulated_gpu(int64_t{16} << 20);
  StopToken stop;
  stop.request();
  RankedLoss found;
  const Status status = compute_loss(RankedData({3, 9}, 10), *gpu.device, found, &stop);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, StatusCode::kCancelled);
  EXPECT_EQ(gpu.driver->log().launches, 0);
}

TEST(CudaRanking, EveryFailureOfTheDriverBecomesAStatus) {
  const RankedData data({40, 300}, 10);
  check_driver_failures(int64_t{16} << 20, [&](kernels::Device& device) {
    RankedLoss found;
    return compute_loss(data, device, found);
  });
}

TEST(CudaRanking, IsDoneByPairsAndOtherLossesByRows) {
  kernels::KernelSet set;
  register_loss(set);
  kernels::DeviceInfo info;
  info.kind = "cuda";
  LossProblem problem{Loss::kLambdaRank, 100, 100, 1, 10, 4};
  EXPECT_EQ(plan_op(set.table<LossGradients>(), info, problem).chosen->name, "cuda.pairs");
  EXPECT_EQ(plan_op(set.table<LossValue>(), info, problem).chosen->name, "cuda.pairs");
  problem.loss = Loss::kSquared;
  EXPECT_EQ(plan_op(set.table<LossGradients>(), info, problem).chosen->name, "cuda.row");
  EXPECT_EQ(plan_op(set.table<LossValue>(), info, problem).chosen->name, "cuda.row");
}

}  // namespace
}  // namespace assay::backends::cuda
