// Samples what this process uses of the machine, on a thread of its own.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace assay::tracking {

// Gives readings one after another: names and values. Not thread-safe.
class SystemMeter {
 public:
  explicit SystemMeter(bool with_gpus = true);
  ~SystemMeter();
  // system/cpu_percent: user and system time since the last reading, 100 for one core kept busy;
  // not if that was less than 10 ms ago. system/rss_bytes. For each NVIDIA device, by its number in
  // nvidia-smi, system/gpu<n>_memory_bytes (used on it by anybody) and system/gpu<n>_percent (its
  // busy time).
  std::vector<std::pair<std::string, double>> read();

 private:
  struct Gpus;
  std::unique_ptr<Gpus> gpus_;  // null without them, or where the driver's library is not there
  double last_cpu_seconds_ = 0;
  double last_wall_seconds_ = 0;
};

// Calls `take` with each value of a reading, at once and then every `period_seconds`, until it
// says false or the sampler is destroyed, which waits for a reading under way.
class SystemSampler {
 public:
  using Take = std::function<bool(std::string_view key, double value)>;
  SystemSampler(double period_seconds, Take take, bool with_gpus = true);
  ~SystemSampler();
  SystemSampler(const SystemSampler&) = delete;
  SystemSampler& operator=(const SystemSampler&) = delete;

 private:
  void loop(double period_seconds, const Take& take, bool with_gpus);
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace assay::tracking
