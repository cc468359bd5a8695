#include "backends/cpu/device.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace assay::backends::cpu {
namespace {

TEST(CpuDevice, SaysWhatItIs) {
  CpuDevice device(1000);
  EXPECT_EQ(device.info().id, "cpu");
  EXPECT_EQ(device.info().kind, "cpu");
  EXPECT_EQ(device.info().memory_bytes, 1000);
  EXPECT_TRUE(device.info().shares_host_memory);
  EXPECT_FALSE(device.info().emulated);
  EXPECT_NE(device.info().name.find(", "), std::string::npos) << device.info().name;
}

TEST(CpuDevice, AlignsAndKeepsTheBudget) {
  CpuDevice device(1000);
  void* one = *device.allocate(1);
  void* two = *device.allocate(900);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(one) % 64, 0u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(two) % 64, 0u);
  EXPECT_EQ(device.held_bytes(), 901);
  const auto refused = device.allocate(100);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, StatusCode::kResourceExhausted);
  EXPECT_EQ(refused.error().message, "cpu: allocation of 100 bytes, 99 of 1000 are free");
  device.release(two);
  EXPECT_TRUE(device.allocate(100).has_value());
  device.release(one);
  device.release(nullptr);
  EXPECT_EQ(device.held_bytes(), 100);
}

TEST(CpuDevice, RefusesEmptyAllocations) {
  CpuDevice device(1000);
  EXPECT_EQ(device.allocate(0).error().code, StatusCode::kInvalidArgument);
  EXPECT_EQ(device.allocate(-5).error().message, "cpu: allocation of -5 bytes (must be positive)");
}

TEST(CpuDevice, ServesSeveralThreads) {
  CpuDevice device(1 << 20);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&device] {
      for (int i = 0; i < 200; ++i) {
        Result<void*> address = device.allocate(100);
        ASSERT_TRUE(address.has_value());
        static_cast<char*>(*address)[99] = 1;
        device.release(*address);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(device.held_bytes(), 0);
}

}  // namespace
}  // namespace assay::backends::cpu
