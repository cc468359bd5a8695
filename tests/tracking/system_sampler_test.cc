#include "tracking/system_sampler.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>

namespace assay::tracking {
namespace {

std::map<std::string, double> reading(SystemMeter& meter) {
  std::map<std::string, double> values;
  for (auto& [key, value] : meter.read()) values[key] = value;
  return values;
}

TEST(SystemMeter, CountsThisProcess) {
  SystemMeter meter;
  const auto start = std::chrono::steady_clock::now();
  volatile double sum = 0;
  while (std::chrono::steady_clock::now() - start < std::chrono::milliseconds(50)) sum = sum + 1;
  const auto values = reading(meter);
  EXPECT_GT(values.at("system/cpu_percent"), 0);
  EXPECT_GT(values.at("system/rss_bytes"), 1e6);
  const size_t before = static_cast<size_t>(values.at("system/rss_bytes"));
  const std::vector<char> more(size_t{64} << 20, 'x');
  asm volatile("" : : "r"(more.data()) : "memory");  // or it may never be allocated
  EXPECT_GT(reading(meter).at("system/rss_bytes"), static_cast<double>(before + (32U << 20)));
  asm volatile("" : : "r"(more.data()) : "memory");
}

TEST(SystemMeter, AsksTheDriverForItsDevices) {
  SystemMeter meter;
  const auto values = reading(meter);
  EXPECT_EQ(values.at("system/gpu0_memory_bytes"), 1e9);
  EXPECT_EQ(values.at("system/gpu1_memory_bytes"), 2e9);
  EXPECT_EQ(values.at("system/gpu0_percent"), 37);
  EXPECT_FALSE(values.contains("system/gpu1_percent")) << "what the driver refuses is left out";
}

TEST(SystemMeter, LeavesDevicesAloneThatNobodyAsksFor) {
  SystemMeter meter(false);
  const auto values = reading(meter);
  EXPECT_TRUE(values.contains("system/rss_bytes"));
  for (const auto& [key, value] : values) EXPECT_EQ(key.find("gpu"), std::string::npos) << key;
}

TEST(SystemMeter, SaysNothingOfProcessorsAfterNoTime) {
  SystemMeter meter(false);
  EXPECT_FALSE(reading(meter).contains("system/cpu_percent"));
  const auto start = std::chrono::steady_clock::now();
  volatile double sum = 0;
  while (std::chrono::steady_clock::now() - start < std::chrono::milliseconds(30)) sum = sum + 1;
  EXPECT_GT(reading(meter).at("system/cpu_percent"), 0) << "counted since the meter was made";
}

TEST(SystemSampler, SamplesUntilItIsToldToStop) {
  std::mutex mutex;
  std::condition_variable changed;
  int values = 0;
  const auto take = [&](std::string_view key, double) {
    const std::scoped_lock lock(mutex);
    if (key == "system/rss_bytes") ++values;
    changed.notify_all();
    return true;
  };
  {
    const SystemSampler sampler(0.001, take);
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return values >= 3; });
  }
  const int last = values;
  EXPECT_GE(last, 3);
  const SystemSampler once(1000, take);  // one reading, then destroyed while it waits
}

TEST(SystemSampler, StopsWhenNobodyTakesItsValues) {
  std::mutex mutex;
  int calls = 0;
  {
    const SystemSampler sampler(0.001, [&](std::string_view, double) {
      const std::scoped_lock lock(mutex);
      ++calls;
      return false;
    });
  }
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace assay::tracking
