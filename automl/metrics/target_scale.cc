#include "automl/metrics/target_scale.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace assay::automl {
namespace {

// Rounding to f32 then costs at most 2^-20 of the distance of the quartiles.
constexpr double kNear = 16;
// Exponents of two that f32 reaches with all its digits.
constexpr int kReach = 96;
// So that differences and their halves stay finite and normal.
constexpr double kMostDifference = 1e307;
constexpr int kMostExponent = 1000;

}  // namespace

TargetScale frame_of(std::span<const double> values) {
  TargetScale frame;
  if (values.empty()) return frame;
  std::vector<double> sorted(values.begin(), values.end());
  const auto quantile = [&](size_t quarters) {
    const auto at =
        sorted.begin() + static_cast<std::ptrdiff_t>((sorted.size() - 1) / 4 * quarters +
                                                     (sorted.size() - 1) % 4 * quarters / 4);
    std::nth_element(sorted.begin(), at, sorted.end());
    return *at;
  };
  const double low = quantile(1);
  const double median = quantile(2);
  const double high = quantile(3);
  if (std::abs(median) / kNear > high - low) frame.offset = median;
  const auto greatest_distance = [&] {
    double most = 0;
    for (const double value : values) most = std::max(most, std::abs(value / 2 - frame.offset / 2));
    return 2 * most;
  };
  double most = greatest_distance();
  if (!(most < kMostDifference)) {
    frame.offset = 0;
    most = greatest_distance();
  }
  if (most == 0) return frame;
  const int exponent = std::isfinite(most) ? std::ilogb(most) : kMostExponent;
  if (std::abs(exponent) > kReach) {
    frame.scale = std::ldexp(1.0, std::clamp(exponent, -kMostExponent, kMostExponent));
  }
  return frame;
}

}  // namespace assay::automl
