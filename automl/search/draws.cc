#include "automl/search/draws.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace assay::automl {

double draw_normal(Rng& rng) {
  const double radius = std::sqrt(-2 * std::log(1 - rng.next_double()));
  return radius * std::cos(2 * std::numbers::pi * rng.next_double());
}

// Rejection: with the mean inside, at least a third of the draws is, but for wide deviations.
double draw_normal_in_unit(Rng& rng, double mean, double deviation) {
  constexpr int kMostTries = 64;
  for (int i = 0; i < kMostTries; ++i) {
    const double value = mean + deviation * draw_normal(rng);
    if (value >= 0 && value <= 1) return value;
  }
  return rng.next_double();
}

std::vector<double> draw_point(Rng& rng, size_t size) {
  std::vector<double> point(size);
  for (double& coordinate : point) coordinate = rng.next_double();
  return point;
}

std::vector<double> draw_direction(Rng& rng, size_t size) {
  std::vector<double> direction(size);
  double square = 0;
  while (!(square > 0)) {
    square = 0;
    for (double& part : direction) {
      part = draw_normal(rng);
      square += part * part;
    }
  }
  for (double& part : direction) part /= std::sqrt(square);
  return direction;
}

}  // namespace assay::automl
