// Aim: what a metric of numbers wants predicted of a row's target: that constant of the target's
// distribution which scores best. Learners minimise a loss of the same aim, so that what they learn
// is what the sweep looks for. Metrics of classes are served by probabilities: their aim is kMean.
#pragma once

#include <cstdint>

namespace assay::automl {

enum class AimKind : uint8_t {
  kMean,
  kCount,     // the mean of targets >= 0, errors counted in proportion: Poisson
  kQuantile,  // the quantile `level`
  kRelative,  // the median where rows weigh 1 / |target|: relative errors
  kRanking,   // the order of a query's rows by their relevances >= 0
};

// Aim::level of rankings whose every rank counts.
inline constexpr double kAllRanks = 1e9;

struct Aim {
  AimKind kind = AimKind::kMean;
  double level = 0.5;  // kRanking: ranks from this on count nothing

  // A quantile is predicted, with whatever weights.
  bool quantile() const { return kind == AimKind::kQuantile || kind == AimKind::kRelative; }
  bool operator==(const Aim&) const = default;
};

}  // namespace assay::automl
