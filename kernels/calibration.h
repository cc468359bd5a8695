// Calibration: how long this machine takes for what its implementations predict, as plain values.
// backends/calibration_run measures it, automl/config/calibration_file keeps it between runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/kernel_set.h"

namespace assay::kernels {

// What an implementation was fitted to on a device.
struct CalibratedOp {
  std::string op;
  std::string implementation;
  CostFit fit;
  double misfit = 1;  // how many times the measured times are off from the fit, typically
};

struct DeviceCalibration {
  std::string kind;
  DeviceIdentity device;
  std::vector<CalibratedOp> ops;
};

// Of a whole machine: figures of other processors or of another number of them mean nothing.
struct Calibration {
  int64_t made_ns = 0;  // since 1970 UTC
  std::string processor;
  int32_t usable_cpus = 0;
  std::vector<DeviceCalibration> devices;
};

// Sets the fits of all its devices that the set's tables know.
void apply_calibration(const Calibration& calibration, KernelSet& kernels);

}  // namespace assay::kernels
