// What a model costs where it serves, and what of that is allowed. Plain values.
#pragma once

#include <cstdint>
#include <string>

namespace assay::automl {

struct ModelFootprint {
  // Of Predictor::predict for a table of one row: its cells are encoded and predicted.
  double latency_us = 0;
  int64_t file_bytes = 0;
  bool operator==(const ModelFootprint&) const = default;
};

// What is allowed; 0: anything.
struct FootprintLimits {
  double latency_us = 0;
  int64_t file_bytes = 0;

  bool any() const { return latency_us > 0 || file_bytes > 0; }
  // The greater of the shares of what is allowed: above 1 a limit is broken. 0 without limits.
  double share(const ModelFootprint& footprint) const;
  // "constraints.max_latency=500: 812 us for a row"; empty if nothing is broken.
  std::string breach(const ModelFootprint& footprint) const;
};

}  // namespace assay::automl
