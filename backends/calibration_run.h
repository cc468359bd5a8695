// Measures how long a device takes for small problems of each op that trials use, and fits the
// costs of its implementations to that.
#pragma once

#include <string>
#include <vector>

#include "kernels/base/clock.h"
#include "kernels/calibration.h"

namespace assay::backends {

struct CalibrationRun {
  kernels::DeviceCalibration device;
  std::vector<std::string> failed;  // "gemm (cuda.cublas): message" of what could not be timed
};

// Each implementation of the device is timed on problems of three sizes or more, in ascending order
// until one takes longer than kLongestRun: the median of three runs, after one that warms up. Takes
// some seconds and 100 MiB of the device's memory. Costs of ops that it does not declare stay as
// they are.
// Fails: resource_exhausted, device if the problems cannot be placed; cancelled if `stop` asks.
inline constexpr int64_t kLongestRun = 150'000'000;  // ns
Result<CalibrationRun> calibrate_device(const kernels::KernelSet& kernels,
                                        const kernels::OpContext& context, const Clock& clock);

}  // namespace assay::backends
