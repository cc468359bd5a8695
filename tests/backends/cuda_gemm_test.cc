// gemm of the CUDA backend: f32 throughout, and tf32 if that is asked for.
#include <gtest/gtest.h>

#include "backends/cuda/cuda_kernels.h"
#include "kernels/device_array.h"
#include "tests/conformance/emulated_gpu.h"

namespace assay::backends::cuda {
namespace {

// The product of two numbers.
float product_of(float a, float b, bool tf32) {
  conformance::EmulatedGpu gpu = conformance::open_emulated_gpu(1 << 20);
  kernels::KernelSet kernels;
  register_gemm(kernels);
  const auto left = kernels::DeviceArray<float>::copy_of(*gpu.device, std::span(&a, 1)).value();
  const auto right = kernels::DeviceArray<float>::copy_of(*gpu.device, std::span(&b, 1)).value();
  auto c = kernels::DeviceArray<float>::make(*gpu.device, 1).value();
  kernels::GemmProblem problem{1, 1, 1};
  problem.tf32 = tf32;
  const Status status =
      kernels::run_op(kernels.table<kernels::Gemm>(), {gpu.device.get(), nullptr, nullptr}, problem,
                      {left.on_device(), right.on_device(), c.on_device()});
  EXPECT_TRUE(status);
  return (*c.to_host())[0];
}

TEST(CudaGemm, IsTf32OnlyIfAskedFor) {
  constexpr float kFine = 1 + 0x1p-12f;  // tf32 has 10 bits behind the first
  constexpr float kCoarse = 1 + 0x1p-10f;
  EXPECT_EQ(product_of(kFine, 3, false), 3 * kFine);
  EXPECT_EQ(product_of(kFine, 3, true), 3);
  EXPECT_EQ(product_of(3, kFine, true), 3);
  EXPECT_EQ(product_of(kCoarse, 3, true), 3 * kCoarse);
}

}  // namespace
}  // namespace assay::backends::cuda
