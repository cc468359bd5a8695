// ln x = k ln 2 + ln m with x = 2^k m and m in [sqrt(1/2), sqrt(2)). With s = (m - 1) / (m + 1),
// ln m = 2 atanh(s) = 2 (s + s^3/3 + s^5/5 + ...). |s| <= 0.1716, so that eleven terms leave
// s^23/23 < 2^-62 of the first. ln 2 is split so that k times its high part is exact.
#include <cmath>

#include "automl/metrics/metric_internal.h"

namespace assay::automl::metrics {

double portable_log(double x) {
  constexpr double kLn2High =
      0x1.62e42fefa38p-1;  // 32 trailing zero bits of its own: k x this is exact
  constexpr double kLn2Low = 0x1.ef35793c7673p-45;
  constexpr double kSqrtHalf = 0.70710678118654752440;
  int exponent = 0;
  double m = std::frexp(x, &exponent);
  if (m < kSqrtHalf) {
    m *= 2;
    --exponent;
  }
  const double s = (m - 1) / (m + 1);
  const double z = s * s;
  double series = 1.0 / 21;
  for (int odd = 19; odd >= 3; odd -= 2) series = series * z + 1.0 / odd;
  const double k = exponent;
  const double tail = 2 * s * (z * series) + k * kLn2Low;
  return k * kLn2High + (2 * s + tail);
}

}  // namespace assay::automl::metrics
