// For a given wait the factor is found by golden-section search over its logarithm, in which the
// sum of squares has one minimum: each residual log(wait + factor * cost) - log(time) rises with
// the factor, and the sum is smallest between the factors that fit single samples. The wait is then
// searched for likewise between 0 and the shortest time.
#include "kernels/cost_fit.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace assay::kernels {
namespace {

constexpr int kSteps = 60;  // each leaves 0.62 of the range

bool usable(const CostSample& sample) {
  return std::isfinite(sample.cost) && sample.cost > 0 && std::isfinite(sample.nanoseconds) &&
         sample.nanoseconds > 0;
}

double squares(const CostFit& fit, std::span<const CostSample> samples) {
  double sum = 0;
  for (const CostSample& sample : samples) {
    const double residual = std::log(fit.nanoseconds(sample.cost) / sample.nanoseconds);
    sum += residual * residual;
  }
  return sum;
}

// Where `value` is least in [low, high], if it has one minimum there.
template <class Value>
double golden_minimum(double low, double high, Value&& value) {
  const double ratio = (std::sqrt(5.0) - 1) / 2;
  double a = high - ratio * (high - low);
  double b = low + ratio * (high - low);
  double at_a = value(a);
  double at_b = value(b);
  for (int i = 0; i < kSteps; ++i) {
    if (at_a <= at_b) {
      high = b;
      b = a;
      at_b = at_a;
      a = high - ratio * (high - low);
      at_a = value(a);
    } else {
      low = a;
      a = b;
      at_a = at_b;
      b = low + ratio * (high - low);
      at_b = value(b);
    }
  }
  return (low + high) / 2;
}

CostFit best_factor(double wait_ns, std::span<const CostSample> samples) {
  double low = HUGE_VAL;
  double high = -HUGE_VAL;
  for (const CostSample& sample : samples) {
    const double whole = std::log(sample.nanoseconds / sample.cost);
    // What is left beside the wait, never nothing.
    const double rest = std::max(sample.nanoseconds - wait_ns, 1e-6 * sample.nanoseconds);
    low = std::min({low, whole, std::log(rest / sample.cost)});
    high = std::max(high, whole);
  }
  const double best = golden_minimum(low, high, [&](double log_factor) {
    return squares({wait_ns, std::exp(log_factor)}, samples);
  });
  return {wait_ns, std::exp(best)};
}

}  // namespace

std::optional<CostFit> fit_cost(std::span<const CostSample> all) {
  std::vector<CostSample> samples;
  std::copy_if(all.begin(), all.end(), std::back_inserter(samples), usable);
  if (samples.empty()) return std::nullopt;
  const CostFit alone = best_factor(0, samples);
  const auto [least, most] =
      std::minmax_element(samples.begin(), samples.end(),
                          [](const CostSample& a, const CostSample& b) { return a.cost < b.cost; });
  if (least->cost == most->cost) return alone;
  double shortest = samples.front().nanoseconds;
  for (const CostSample& sample : samples) shortest = std::min(shortest, sample.nanoseconds);
  const double wait = golden_minimum(
      0, shortest, [&](double wait_ns) { return squares(best_factor(wait_ns, samples), samples); });
  const CostFit both = best_factor(wait, samples);
  return squares(both, samples) < squares(alone, samples) ? both : alone;
}

double misfit(const CostFit& fit, std::span<const CostSample> all) {
  std::vector<CostSample> samples;
  std::copy_if(all.begin(), all.end(), std::back_inserter(samples), usable);
  if (samples.empty()) return 1;
  return std::exp(std::sqrt(squares(fit, samples) / static_cast<double>(samples.size())));
}

}  // namespace assay::kernels
