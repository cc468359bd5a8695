// linear_gradient of the CUDA backend where the conformance suite does not reach: little memory,
// and stopping before a launch.
#include <gtest/gtest.h>

#include "backends/cuda/cuda_kernels.h"
#include "kernels/base/rng.h"
#include "kernels/device_array.h"
#include "kernels/reference/reference_ops.h"
#include "tests/conformance/emulated_gpu.h"

namespace assay::backends::cuda {
namespace {

using conformance::EmulatedGpu;
using kernels::DeviceArray;
using kernels::LinearGradient;

constexpr kernels::LinearProblem kLinear{20'000, 20'000, 12, 3};
constexpr size_t kLinearCells = 13 * 3;

struct LinearArrays {
  std::vector<float> features;
  std::vector<float> gradients;

  LinearArrays() {
    Rng rng(5);
    for (int64_t i = 0; i < kLinear.row_count * kLinear.column_count; ++i) {
      features.push_back(static_cast<float>(rng.next_double() - 0.5));
    }
    for (int64_t i = 0; i < kLinear.row_count * kLinear.output_count; ++i) {
      gradients.push_back(static_cast<float>(rng.next_double() - 0.5));
    }
  }
};

Result<std::vector<double>> sum_gradient(const LinearArrays& data, kernels::Device& device,
                                         const StopToken* stop = nullptr) {
  kernels::KernelSet kernels;
  register_linear(kernels);
  const auto& implementation = kernels.table<LinearGradient>().items().front();
  const auto features =
      DeviceArray<float>::copy_of(device, std::span<const float>(data.features)).value();
  const auto gradients =
      DeviceArray<float>::copy_of(device, std::span<const float>(data.gradients)).value();
  std::vector<double> sums(kLinearCells, -1.0);
  SerialExecutor serial;
  ASSAY_RETURN_IF_ERROR(
      implementation.run({&device, &serial, stop}, kLinear,
                         {features.on_device(), nullptr, gradients.on_device(), sums.data()}));
  return sums;
}

// A matrix and gradients of 1.2 MB; the sums of its ten chunks take 3 KB.
TEST(CudaLinear, LittleMemoryMeansMoreRoundsAndTheSameBits) {
  const LinearArrays data;
  std::vector<double> expected(kLinearCells);
  ASSERT_TRUE(kernels::reference::linear_gradient(
      {}, kLinear, {data.features.data(), nullptr, data.gradients.data(), expected.data()}));
  int64_t launches[2] = {};
  for (const bool roomy : {false, true}) {
    EmulatedGpu gpu = conformance::open_emulated_gpu(roomy ? 64 << 20 : 1'204'000);
    const auto found = sum_gradient(data, *gpu.device);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(*found, expected);
    launches[roomy ? 1 : 0] = gpu.driver->log().launches;
  }
  EXPECT_GT(launches[0], 2);
  EXPECT_EQ(launches[1], 2);
}

TEST(CudaLinear, StoppedRunLaunchesNothing) {
  EmulatedGpu gpu = conformance::open_emulated_gpu(16 << 20);
  StopToken stop;
  stop.request();
  const auto found = sum_gradient(LinearArrays(), *gpu.device, &stop);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, StatusCode::kCancelled);
  EXPECT_EQ(gpu.driver->log().launches, 0);
}

TEST(CudaLinear, DeclinesMoreOutputsThanAGridHas) {
  const EmulatedGpu gpu = conformance::open_emulated_gpu(16 << 20);
  kernels::KernelSet kernels;
  register_linear(kernels);
  const auto& implementation = kernels.table<LinearGradient>().items().front();
  EXPECT_FALSE(implementation.decline(gpu.device->info(), {10, 10, 5, 524'280}));
  const auto reason = implementation.decline(gpu.device->info(), {10, 10, 5, 524'281});
  ASSERT_TRUE(reason);
  EXPECT_EQ(*reason, "524281 outputs (at most 524280)");
}

}  // namespace
}  // namespace assay::backends::cuda
