// Fuzz target of parse_calibration: any bytes give an error or figures in range, and what was read,
// written, reads as the same.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "automl/config/calibration_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace assay;
  const auto read =
      automl::parse_calibration(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!read) return 0;
  for (const kernels::DeviceCalibration& device : read->devices) {
    for (const kernels::CalibratedOp& op : device.ops) {
      if (!(op.fit.wait_ns >= 0 && op.fit.factor > 0 && std::isfinite(op.fit.nanoseconds(1e12)))) {
        std::abort();
      }
    }
  }
  const std::string text = automl::calibration_json(*read);
  const auto again = automl::parse_calibration(text);
  if (!again || automl::calibration_json(*again) != text) std::abort();
  return 0;
}
