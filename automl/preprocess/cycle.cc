// The angle is brought to an eighth of a turn around the nearest quarter; there the Taylor series
// of sine and cosine, to degree 15 and 16, are exact to rounding.
#include "automl/preprocess/cycle.h"

#include <cmath>

namespace assay::automl {
namespace {

constexpr double kTwoPi = 6.28318530717958647692;

double small_sine(double x) {
  const double s = x * x;
  double p = -1.0 / 1307674368000.0;
  p = p * s + 1.0 / 6227020800.0;
  p = p * s - 1.0 / 39916800.0;
  p = p * s + 1.0 / 362880.0;
  p = p * s - 1.0 / 5040.0;
  p = p * s + 1.0 / 120.0;
  p = p * s - 1.0 / 6.0;
  p = p * s + 1.0;
  return p * x;
}

double small_cosine(double x) {
  const double s = x * x;
  double p = 1.0 / 20922789888000.0;
  p = p * s - 1.0 / 87178291200.0;
  p = p * s + 1.0 / 479001600.0;
  p = p * s - 1.0 / 3628800.0;
  p = p * s + 1.0 / 40320.0;
  p = p * s - 1.0 / 720.0;
  p = p * s + 1.0 / 24.0;
  p = p * s - 0.5;
  return p * s + 1.0;
}

}  // namespace

CirclePoint on_circle(double value, double period) {
  const double turns = value / period;
  // Of one turn; what is beyond all numbers is nowhere on the circle.
  const double share = std::isfinite(turns) ? turns - std::floor(turns) : 0;
  const double quarter = std::floor(4 * share + 0.5);
  const double angle = kTwoPi * (share - quarter / 4);
  const double sine = small_sine(angle);
  const double cosine = small_cosine(angle);
  switch (static_cast<int>(quarter) % 4) {
    case 0:
      return {sine, cosine};
    case 1:
      return {cosine, -sine};
    case 2:
      return {-sine, -cosine};
    default:
      return {-cosine, sine};
  }
}

}  // namespace assay::automl
