// The file that keeps what a machine was calibrated to (kernels/calibration.h), one a user and
// machine: ${XDG_CONFIG_HOME:-~/.config}/assay/calibration.json. What it says changes which
// implementation runs and how long things are expected to take, never results, so a file that
// cannot be used is no failure: it is left out, and a note says why.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kernels/calibration.h"

namespace assay::automl {

// Empty if the environment names no folder.
std::string calibration_path();

std::string calibration_json(const kernels::Calibration& calibration);

// Fails: data for text that is no such file, or of a later version, or with figures out of range.
Result<kernels::Calibration> parse_calibration(std::string_view text);

struct KnownCalibration {
  std::optional<kernels::Calibration> calibration;
  std::string note;  // why a file that is there is left out
};

// The file, if it is there and was made with this processor and as many of them. `path` may be
// empty.
KnownCalibration read_calibration(const std::string& path, std::string_view processor,
                                  int usable_cpus);

// Replaces the file, making its folders. Fails: io; invalid_argument for an empty path.
Status write_calibration(const std::string& path, const kernels::Calibration& calibration);

}  // namespace assay::automl
