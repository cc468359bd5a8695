#include "automl/search/footprint_limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "automl/config/units.h"

namespace assay::automl {

double FootprintLimits::share(const ModelFootprint& footprint) const {
  double share = 0;
  if (latency_us > 0) share = footprint.latency_us / latency_us;
  if (file_bytes > 0) {
    share = std::max(share,
                     static_cast<double>(footprint.file_bytes) / static_cast<double>(file_bytes));
  }
  return share;
}

std::string FootprintLimits::breach(const ModelFootprint& footprint) const {
  if (latency_us > 0 && footprint.latency_us > latency_us) {
    return fmt::format("constraints.max_latency={}: {:.4g} us for a row", latency_us,
                       footprint.latency_us);
  }
  if (file_bytes > 0 && footprint.file_bytes > file_bytes) {
    return fmt::format("constraints.max_model_size={}: a file of {}", format_bytes(file_bytes),
                       rounded_bytes(footprint.file_bytes));
  }
  return {};
}

}  // namespace assay::automl
