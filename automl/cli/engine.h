// The composition root: what the program computes with. Brings up the devices that are asked for
// and makes executors; everything above kernels/ gets them from here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "automl/config/calibration_file.h"
#include "backends/devices.h"
#include "kernels/base/executor.h"
#include "kernels/kernel_set.h"

namespace assay::automl::cli {

struct EngineOptions {
  std::string device = "cpu";
  bool several = false;       // `device` may be a list
  int64_t threads = 0;        // cut to what this process may use; 0: all of it
  int64_t memory_bytes = 0;   // 0: 80 % of what this process may use
  std::string fpga_xclbin{};  // as in backends::DeviceOptions
};

// Owns the devices and one executor for work outside of a sweep's slots.
class Engine {
 public:
  // Fails: invalid_argument for more memory than this process may use, or an unknown device;
  // device if it cannot be had.
  static Result<std::unique_ptr<Engine>> open(const EngineOptions& options);

  int threads() const { return threads_; }
  int64_t memory_bytes() const { return memory_bytes_; }
  Executor& executor() { return *executor_; }
  // Those that were asked for: one, unless there may be several.
  const std::vector<kernels::Device*>& chosen() const { return chosen_; }
  // What may stand in for them: the CPU, where the choice was left to the engine.
  const std::vector<kernels::Device*>& spare() const { return spare_; }
  const backends::DeviceSet& devices() const { return devices_; }
  // What the planner's costs were made from, or why from nothing.
  const KnownCalibration& calibration() const { return calibration_; }
  // The planner goes by it from now on. Nothing else may use the devices meanwhile.
  void calibrate(kernels::Calibration calibration);
  // The context of a command that computes on its own. The engine must outlive it.
  kernels::ComputeContext context(const StopToken& stop);
  // An executor for a slot.
  static std::unique_ptr<Executor> make_executor(int threads);

 private:
  explicit Engine(backends::DeviceSet devices) : devices_(std::move(devices)) {}
  backends::DeviceSet devices_;
  KnownCalibration calibration_;
  std::vector<kernels::Device*> chosen_;
  std::vector<kernels::Device*> spare_;
  std::unique_ptr<Executor> executor_;
  int threads_ = 1;
  int64_t memory_bytes_ = 0;
};

}  // namespace assay::automl::cli
