#include "automl/search/allowed_units.h"

#include <algorithm>
#include <limits>

namespace assay::automl {
namespace {

constexpr double kCare = 0.9;

// The share of `used` that a limit leaves, both beyond what the baseline takes.
double share_left(double limit, double used, double floor) {
  return used > floor ? std::max(0.0, limit - floor) / (used - floor) : 0;
}

}  // namespace

ModelUnits allowed_units(const SearchLearner& learner, const FootprintLimits& limits,
                         const HistoryView& history) {
  ModelUnits most{std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  if (!limits.any() || !learner.units || history.size() == 0) return most;
  const ModelFootprint& floor = history.at(0).footprint;
  for (int64_t i = 0; i < history.size(); ++i) {
    const TrialResult& result = history.at(i);
    if (result.status != TrialStatus::kOverLimit || result.spec.learner != learner.name) continue;
    const ModelUnits units = learner.units(result.spec.params, result.steps);
    if (units.latency > 0 && limits.latency_us > 0 &&
        result.footprint.latency_us > limits.latency_us) {
      const double left =
          share_left(limits.latency_us, result.footprint.latency_us, floor.latency_us);
      most.latency = std::min(most.latency, kCare * left * units.latency);
    }
    if (units.size > 0 && limits.file_bytes > 0 &&
        result.footprint.file_bytes > limits.file_bytes) {
      const double left = share_left(static_cast<double>(limits.file_bytes),
                                     static_cast<double>(result.footprint.file_bytes),
                                     static_cast<double>(floor.file_bytes));
      most.size = std::min(most.size, kCare * left * units.size);
    }
  }
  return most;
}

}  // namespace assay::automl
