#include "automl/search/tpe_sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "automl/search/parzen.h"
#include "automl/search/sample_points.h"
#include "automl/search/sobol_sampler.h"

namespace assay::automl {
namespace {

constexpr size_t kFirstPoints = 10;
constexpr size_t kMostGood = 25;
constexpr int kDraws = 48;

// The newest 25 weigh 1; of n older ones the oldest 1 / n, those between in equal steps.
double weight_of(size_t age, size_t count) {
  constexpr size_t kFresh = 25;
  if (age < kFresh) return 1;
  const auto old = static_cast<double>(count - kFresh);
  const double least = 1 / static_cast<double>(count);
  const double step = (1 - least) / std::max(1.0, old);
  return std::max(least, 1 - step * static_cast<double>(age - kFresh + 1));
}

ParzenDensity density(const SampleRequest& request, std::vector<size_t> places) {
  std::sort(places.begin(), places.end());
  std::vector<std::vector<double>> centres;
  std::vector<double> weights;
  for (size_t i = 0; i < places.size(); ++i) {
    centres.push_back(request.points[places[i]].unit);
    weights.push_back(weight_of(places.size() - 1 - i, places.size()));
  }
  return {*request.space, std::move(centres), std::move(weights)};
}

}  // namespace

std::vector<double> TpeSampler::sample(const SampleRequest& request) const {
  const size_t size = request.space->size();
  std::vector<size_t> ranked = ranked_points(request.points);
  if (ranked.size() < kFirstPoints) return SobolSampler().sample(request);
  const size_t good = std::min((ranked.size() + 9) / 10, kMostGood);
  std::vector<size_t> best(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(good));
  std::vector<size_t> others(ranked.begin() + static_cast<std::ptrdiff_t>(good), ranked.end());
  for (size_t i = 0; i < request.points.size(); ++i) {
    if (request.points[i].state == SamplePoint::State::kOpen) others.push_back(i);
  }
  const ParzenDensity near = density(request, std::move(best));
  const ParzenDensity far = density(request, std::move(others));
  Rng rng(draw_seed(request, "tpe"));
  std::vector<double> chosen(size, 0.5);
  double most = -std::numeric_limits<double>::infinity();
  for (int i = 0; i < kDraws; ++i) {
    std::vector<double> point = request.space->settled(near.draw(rng));
    const double gain = near.log_density(point) - far.log_density(point);
    if (gain <= most) continue;
    most = gain;
    chosen = std::move(point);
  }
  return chosen;
}

}  // namespace assay::automl
