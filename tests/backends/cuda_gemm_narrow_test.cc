// gemm_bf16 and gemm_int8 of the CUDA backend where the conformance suite does not reach: numbers
// whose products are not exact, sums that leave 32 bits, and which implementation is chosen.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "backends/cuda/cuda_kernels.h"
#include "kernels/base/rng.h"
#include "kernels/device_array.h"
#include "kernels/planner.h"
#include "kernels/reference/reference_ops.h"
#include "tests/conformance/emulated_gpu.h"

namespace assay::backends::cuda {
namespace {

using conformance::EmulatedGpu;
using kernels::DeviceArray;
using kernels::GemmBf16;
using kernels::GemmInt8;
using kernels::GemmNarrowProblem;

const kernels::KernelSet& kernel_set() {
  static const kernels::KernelSet kernels = [] {
    kernels::KernelSet made;
    register_gemm_narrow(made);
    return made;
  }();
  return kernels;
}

// C by the implementation called `name`.
template <class Op, class Number, class Sum>
Result<std::vector<Sum>> product(const GemmNarrowProblem& problem, const std::vector<Number>& a,
                                 const std::vector<Number>& b, std::string_view name,
                                 kernels::Usage* usage = nullptr) {
  EmulatedGpu gpu = conformance::open_emulated_gpu(64 << 20);
  ASSAY_ASSIGN_OR_RETURN(const auto there_a, DeviceArray<Number>::copy_of(*gpu.device, a));
  ASSAY_ASSIGN_OR_RETURN(const auto there_b, DeviceArray<Number>::copy_of(*gpu.device, b));
  ASSAY_ASSIGN_OR_RETURN(auto c, DeviceArray<Sum>::make(*gpu.device, problem.m * problem.n));
  SerialExecutor serial;
  for (const auto& item : kernel_set().table<Op>().items()) {
    if (item.name != name) continue;
    const kernels::UsageScope scope(usage);
    ASSAY_RETURN_IF_ERROR(item.run({gpu.device.get(), &serial, nullptr}, problem,
                                   {there_a.on_device(), there_b.on_device(), c.on_device()}));
  }
  ASSAY_ASSIGN_OR_RETURN(const auto host, c.to_host());
  return std::vector<Sum>(host.begin(), host.end());
}

uint16_t bf16_of(float number) {
  return static_cast<uint16_t>(std::bit_cast<uint32_t>(number) >> 16);
}

// Numbers of all exponents: products overflow, and lose digits below the least number.
TEST(CudaGemmBf16, ProductsThatAreNotExactAreRoundedBeforeTheyAreAdded) {
  const GemmNarrowProblem problem{6, 5, 400};
  Rng rng(3);
  std::vector<uint16_t> a;
  std::vector<uint16_t> b;
  // Some rows and columns have tiny numbers, some huge ones.
  const auto draw = [&rng](int64_t kind) {
    const double magnitude = kind % 3 == 0 ? -72 : kind % 3 == 1 ? 60 : 2;
    const double exponent = magnitude + static_cast<double>(rng.below(8));
    return bf16_of(static_cast<float>((2 * rng.next_double() - 1) * std::exp2(exponent)));
  };
  for (int64_t i = 0; i < problem.m * problem.k; ++i) a.push_back(draw(i / problem.k));
  for (int64_t i = 0; i < problem.k * problem.n; ++i) b.push_back(draw(i % problem.n));
  std::vector<float> expected(30);
  ASSERT_TRUE(kernels::reference::gemm_bf16({}, problem, {a.data(), b.data(), expected.data()}));
  const auto c = product<GemmBf16, uint16_t, float>(problem, a, b, "cuda.tiles");
  ASSERT_TRUE(c.has_value()) << c.error().message;
  int32_t beyond = 0;
  int32_t subnormal = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    beyond += std::isfinite(expected[i]) ? 0 : 1;
    subnormal += std::fpclassify(expected[i]) == FP_SUBNORMAL ? 1 : 0;
    if (std::isnan(expected[i])) {
      EXPECT_TRUE(std::isnan((*c)[i])) << i;
    } else {
      EXPECT_EQ(std::bit_cast<uint32_t>((*c)[i]), std::bit_cast<uint32_t>(expected[i])) << i;
    }
  }
  EXPECT_GT(beyond, 0);
  EXPECT_GT(subnormal, 0);
}

// 4e38 - 3e38 is a number, but 4e38 alone is none.
TEST(CudaGemmBf16, ProductBeyondTheGreatestNumberIsInfiniteWhateverFollows) {
  const float big = 0x1p64f;
  const std::vector<uint16_t> a = {bf16_of(-1.5f * 0x1p63f), bf16_of(big), bf16_of(1)};
  const std::vector<uint16_t> b = {bf16_of(0x1p64f), bf16_of(big), bf16_of(1)};
  const auto c = product<GemmBf16, uint16_t, float>({1, 1, 3}, a, b, "cuda.tiles");
  ASSERT_TRUE(c.has_value()) << c.error().message;
  EXPECT_EQ(c->front(), std::numeric_limits<float>::infinity());
}

TEST(CudaGemmInt8, SumsBeyond32BitsWrap) {
  constexpr int64_t kProducts = 140'000;
  const std::vector<int8_t> least(kProducts, -128);
  const auto c = product<GemmInt8, int8_t, int32_t>({1, 1, kProducts}, least, least, "cuda.tiles");
  ASSERT_TRUE(c.has_value()) << c.error().message;
  EXPECT_EQ(c->front(), -2001207296);  // 16384 * 140000 - 2^32
}

// Calls of the GPU in a product of int8 by cuBLAS, all of whose numbers are 1.
std::vector<kernels::KernelUse> calls_of(const GemmNarrowProblem& problem) {
  const std::vector<int8_t> a(static_cast<size_t>(problem.m * problem.k), 1);
  const std::vector<int8_t> b(static_cast<size_t>(problem.k * problem.n), 1);
  kernels::Usage usage;
  const auto c = product<GemmInt8, int8_t, int32_t>(problem, a, b, "cuda.cublas", &usage);
  EXPECT_TRUE(c.has_value()) << c.error().message;
  EXPECT_EQ(*c, std::vector<int32_t>(static_cast<size_t>(problem.m * problem.n),
                                     static_cast<int32_t>(problem.k)));
  return usage.list();
}

// B is always turned; A and C are copied where cuBLAS does not take them.
TEST(CudaGemmInt8, OperandsAreCopiedWhereTheyMustBe) {
  using Uses = std::vector<kernels::KernelUse>;
  EXPECT_EQ(calls_of({5, 8, 32}), (Uses{{"cuda:emu", "", "copy_matrix", 1, 0},
                                        {"cuda:emu", "", "cublas_gemm_ex", 1, 0}}));
  EXPECT_EQ(calls_of({5, 8, 33}), (Uses{{"cuda:emu", "", "copy_matrix", 2, 0},
                                        {"cuda:emu", "", "cublas_gemm_ex", 1, 0}}));
  EXPECT_EQ(calls_of({5, 7, 33}), (Uses{{"cuda:emu", "", "copy_matrix", 3, 0},
                                        {"cuda:emu", "", "cublas_gemm_ex", 1, 0}}));
  EXPECT_EQ(calls_of({5, 7, 0}), Uses{});
}

template <class Op>
std::string chosen(const GemmNarrowProblem& problem) {
  kernels::DeviceInfo info;
  info.kind = "cuda";
  const auto plan = plan_op(kernel_set().table<Op>(), info, problem);
  std::string text(plan.chosen == nullptr ? "none" : plan.chosen->name);
  for (const kernels::Candidate& candidate : plan.candidates) {
    if (candidate.declined) text += fmt::format("; {}: {}", candidate.name, *candidate.declined);
  }
  return text;
}

TEST(CudaGemmNarrow, TensorCoresAreChosenWhereTheyKeepTheContract) {
  EXPECT_EQ(chosen<GemmInt8>({8192, 8192, 8192}), "cuda.cublas");
  EXPECT_EQ(chosen<GemmInt8>({16, 16, 16}), "cuda.tiles");
  EXPECT_EQ(chosen<GemmInt8>({8192, 8192, 131'072}),
            "cuda.tiles; cuda.cublas: sums of 131072 products may leave 32 bits (of 131071 they do "
            "not)");
  EXPECT_EQ(chosen<GemmBf16>({8192, 8192, 8192}),
            "cuda.tiles; cuda.cublas: tensor cores do not add in ascending order of k");
  EXPECT_EQ(chosen<GemmBf16>({8192, 8192, 8192, true}), "cuda.cublas");
  EXPECT_EQ(chosen<GemmInt8>({int64_t{1} << 31, 1, 1}),
            "cuda.tiles; cuda.cublas: a side of 2147483648 is more than cuBLAS takes (2147483631)");
  EXPECT_EQ(chosen<GemmInt8>({int64_t{1} << 40, 1 << 20, 1}),
            "none; cuda.tiles: 8589934592 x 8192 tiles are more than a launch has blocks "
            "(2147483647); cuda.cublas: a side of 1099511627776 is more than cuBLAS takes "
            "(2147483631)");
}

}  // namespace
}  // namespace assay::backends::cuda
