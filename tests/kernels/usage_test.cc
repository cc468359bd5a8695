#include "kernels/usage.h"

#include <gtest/gtest.h>

#include <thread>

namespace assay::kernels {
namespace {

TEST(Usage, SumsCallsAndBytesByDeviceOpAndKernel) {
  Usage usage;
  usage.count("fpga:0", "", "tree_histogram");
  usage.count("cpu", "loss_gradients", "cpu.simd");
  usage.count("fpga:0", kCopyOp, kToDevice, 100);
  usage.count("fpga:0", kCopyOp, kToDevice, 20);
  usage.count("cpu", "loss_gradients", "cpu.simd");
  usage.add({"cpu", "loss_gradients", "cpu.simd", 5, 0});
  const std::vector<KernelUse> expected = {{"cpu", "loss_gradients", "cpu.simd", 7, 0},
                                           {"fpga:0", "", "tree_histogram", 1, 0},
                                           {"fpga:0", "copy", "to_device", 2, 120}};
  EXPECT_EQ(usage.list(), expected);
}

TEST(Usage, IsOfTheInnermostScopeOfTheThread) {
  Usage outer;
  Usage inner;
  count_use("cpu", "gemm", "nobody");
  {
    const UsageScope scope(&outer);
    count_use("cpu", "gemm", "a");
    {
      const UsageScope nested(&inner);
      count_use("cpu", "gemm", "b");
      const UsageScope none(nullptr);
      count_use("cpu", "gemm", "nobody");
    }
    count_use("cpu", "gemm", "a");
    std::thread other([] {
      count_use("cpu", "gemm", "nobody");
      EXPECT_EQ(Usage::current(), nullptr);
    });
    other.join();
  }
  EXPECT_EQ(Usage::current(), nullptr);
  EXPECT_EQ(outer.list(), (std::vector<KernelUse>{{"cpu", "gemm", "a", 2, 0}}));
  EXPECT_EQ(inner.list(), (std::vector<KernelUse>{{"cpu", "gemm", "b", 1, 0}}));
}

TEST(Usage, CountsOfSeveralThreadsAddUp) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 500;
  Usage usage;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      const UsageScope scope(&usage);
      for (int i = 0; i < kCalls; ++i) count_use("cpu", "gemm", "a", 2);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(
      usage.list(),
      (std::vector<KernelUse>{{"cpu", "gemm", "a", kThreads * kCalls, 2 * kThreads * kCalls}}));
}

}  // namespace
}  // namespace assay::kernels
