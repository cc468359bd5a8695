// DiscreteDevice, and DeviceArray on it and on the host: when data moves, and how much.
#include "tests/conformance/discrete_device.h"

#include <gtest/gtest.h>

#include <vector>

#include "backends/cpu/device.h"
#include "kernels/device_array.h"

namespace assay::conformance {
namespace {

using backends::cpu::CpuDevice;
using kernels::DeviceArray;

template <class T>
std::vector<T> vector_of(std::span<const T> values) {
  return {values.begin(), values.end()};
}

TEST(DiscreteDevice, CarriesBytesThereAndBack) {
  DiscreteDevice device("discrete:0", 1 << 20);
  const std::vector<int> values{1, 2, 3, 4, 5};
  void* address = *device.allocate(20);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(address) % 64, 0u);
  ASSERT_TRUE(device.upload(address, std::as_bytes(std::span(values))).has_value());
  EXPECT_EQ(static_cast<int*>(device.translate(address))[4], 5);
  std::vector<int> back(5);
  ASSERT_TRUE(device.download(std::as_writable_bytes(std::span(back)), address, 20).has_value());
  EXPECT_EQ(back, values);
  EXPECT_EQ(device.uploaded_bytes(), 20);
  EXPECT_EQ(device.downloaded_bytes(), 20);
  device.release(address);
  EXPECT_EQ(device.held_bytes(), 0);
}

TEST(DiscreteDevice, RefusesWhatIsNotThere) {
  DiscreteDevice device("discrete:0", 100);
  EXPECT_EQ(device.allocate(0).error().code, StatusCode::kInvalidArgument);
  const auto refused = device.allocate(101);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().message, "discrete:0: allocation of 101 bytes, 100 of 100 are free");
  void* address = *device.allocate(10);
  const std::vector<std::byte> bytes(11);
  EXPECT_EQ(device.upload(address, bytes).error().code, StatusCode::kDevice);
  std::vector<std::byte> target(11);
  EXPECT_EQ(device.download(target, address, 11).error().code, StatusCode::kDevice);
  EXPECT_EQ(device.download(target, address, 10).error().code, StatusCode::kInvalidArgument);
  int host = 0;
  EXPECT_EQ(device.translate(&host), nullptr);
  EXPECT_EQ(device.uploaded_bytes(), 0);
  device.release(address);
}

TEST(DiscreteDeviceDeathTest, HostCannotReadItsMemory) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  DiscreteDevice device("discrete:0", 1 << 20);
  auto* address = static_cast<volatile int*>(*device.allocate(4));
  EXPECT_DEATH((void)*address, "");
}

TEST(DeviceArray, MovesOnlyWhenAskedAndCountsWhatItMoves) {
  DiscreteDevice device("discrete:0", 1 << 20);
  const std::vector<int> values{1, 2, 3};
  DeviceArray<int> array = *DeviceArray<int>::copy_of(device, values);
  EXPECT_EQ(device.uploaded_bytes(), 12);
  EXPECT_EQ(vector_of(*array.to_host()), values);
  EXPECT_EQ(device.downloaded_bytes(), 12);
  EXPECT_EQ(vector_of(*array.to_host()), values);
  EXPECT_EQ(device.downloaded_bytes(), 12);  // the host's copy was still good

  device.translate(array.on_device())[1] = 20;  // as an op does
  array.wrote_device();
  EXPECT_EQ(vector_of(*array.to_host()), (std::vector<int>{1, 20, 3}));
  EXPECT_EQ(device.downloaded_bytes(), 24);

  (*array.to_host_for_writing())[0] = 10;
  EXPECT_EQ(device.translate(array.on_device())[0], 1);  // not before it is sent
  ASSERT_TRUE(array.to_device().has_value());
  EXPECT_EQ(device.translate(array.on_device())[0], 10);
  EXPECT_EQ(device.uploaded_bytes(), 24);
}

TEST(DeviceArray, OverwritingFetchesNothing) {
  DiscreteDevice device("discrete:0", 1 << 20);
  DeviceArray<int> array = *DeviceArray<int>::make(device, 2);
  const Status early = array.to_device();
  ASSERT_FALSE(early.has_value());
  EXPECT_EQ(early.error().message, "device array: the host has no valid copy to send");
  array.host_for_overwriting()[0] = 7;
  array.host_for_overwriting()[1] = 8;
  ASSERT_TRUE(array.to_device().has_value());
  array.drop_host();
  EXPECT_EQ(device.downloaded_bytes(), 0);
  EXPECT_EQ(vector_of(*array.to_host()), (std::vector<int>{7, 8}));
  EXPECT_EQ(device.downloaded_bytes(), 8);
}

TEST(DeviceArray, SharedMemoryIsOneCopyAndMovesNothing) {
  CpuDevice device(1 << 20);
  const std::vector<int> values{1, 2, 3};
  DeviceArray<int> array = *DeviceArray<int>::copy_of(device, values);
  (*array.to_host_for_writing())[2] = 30;
  ASSERT_TRUE(array.to_device().has_value());
  EXPECT_EQ(array.on_device()[2], 30);
  array.drop_host();
  EXPECT_EQ((*array.to_host())[2], 30);
  EXPECT_EQ(device.uploaded_bytes(), 0);
  EXPECT_EQ(device.downloaded_bytes(), 0);
}

TEST(DeviceArray, EmptyArraysHoldNothing) {
  DiscreteDevice device("discrete:0", 1 << 20);
  DeviceArray<double> array = *DeviceArray<double>::copy_of(device, {});
  EXPECT_TRUE(array.empty());
  EXPECT_EQ(array.on_device(), nullptr);
  EXPECT_TRUE(array.to_device().has_value());
  EXPECT_TRUE(array.to_host()->empty());
  EXPECT_EQ(device.held_bytes(), 0);
}

TEST(DeviceArray, MovingPassesTheMemoryOnAndGivesItBackOnce) {
  DiscreteDevice device("discrete:0", 1 << 20);
  {
    DeviceArray<int> first = *DeviceArray<int>::make(device, 4);
    DeviceArray<int> second = std::move(first);
    EXPECT_EQ(second.size(), 4);
    EXPECT_EQ(device.held_bytes(), 16);
    second = *DeviceArray<int>::make(device, 8);
    EXPECT_EQ(second.size(), 8);
    EXPECT_EQ(device.held_bytes(), 32);
  }
  EXPECT_EQ(device.held_bytes(), 0);
}

TEST(DeviceArray, FailsWhereTheDeviceHasNoRoom) {
  DiscreteDevice device("discrete:0", 64);
  const auto refused = DeviceArray<double>::make(device, 9);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace assay::conformance
