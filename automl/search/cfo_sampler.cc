#include "automl/search/cfo_sampler.h"

#include <algorithm>
#include <cmath>

#include "automl/search/draws.h"
#include "automl/search/sample_points.h"
#include "automl/search/sobol_sampler.h"

namespace assay::automl {
namespace {

// Steps in units of sqrt(d): the first, the longest, and where the search begins anew.
constexpr double kStartStep = 0.1;
constexpr double kLongestStep = 1;
constexpr double kShortestStep = 0.01;

// Where the local search stands after what is known.
struct Place {
  std::vector<double> centre;
  bool has_loss = false;  // a new beginning has none before its first point is known
  double step = 0;        // in units of sqrt(d)
  size_t begun = 0;       // place of the point that the present search began with
  uint32_t restarts = 0;
};

bool is_worse(const SamplePoint& a, const SamplePoint& b) {
  const bool scored = a.state == SamplePoint::State::kScored;
  return !scored || (b.state == SamplePoint::State::kScored && a.loss >= b.loss);
}

// Failures in a row after which the step is shortened; the paper's 2^(d - 1), but no more than each
// coordinate both ways.
size_t patience_of(size_t d) { return std::min(size_t{1} << std::min<size_t>(d - 1, 9), 2 * d); }

Place follow(const SampleRequest& request) {
  const size_t d = request.space->size();
  Place place{std::vector<double>(d, 0.5), false, kStartStep, 0, 0};
  if (request.points.empty()) return place;
  place.centre = request.points.front().unit;
  const SamplePoint* best = nullptr;
  double proposed = 0;  // in the present search
  double best_at = 1;
  size_t failures = 0;
  for (size_t i = 0; i < request.points.size(); ++i) {
    const SamplePoint& point = request.points[i];
    if (i < place.begun) continue;
    ++proposed;
    if (point.state == SamplePoint::State::kOpen) continue;
    if (best == nullptr || !is_worse(point, *best)) {
      if (best != nullptr) {
        place.step = std::min(kLongestStep, place.step * std::sqrt(proposed / best_at));
      }
      best = &point;
      best_at = proposed;
      place.centre = point.unit;
      place.has_loss = true;
      failures = 0;
      continue;
    }
    if (++failures < patience_of(d)) continue;
    failures = 0;
    place.step *= std::min(0.7, std::sqrt(best_at / proposed));
    if (place.step >= kShortestStep) continue;
    // What is open belongs to the old place.
    ++place.restarts;
    place = {request.space->anchored(
                 sobol_point(d, place.restarts, derive_seed(request.seed, "cfo begin"))),
             false, kStartStep, request.points.size(), place.restarts};
    for (size_t later = i + 1; later < request.points.size(); ++later) {
      if (request.points[later].unit == place.centre) {
        place.begun = later;
        break;
      }
    }
    best = nullptr;
    proposed = 0;
    best_at = 1;
  }
  return place;
}

double distance(std::span<const double> a, std::span<const double> b) {
  double square = 0;
  for (size_t j = 0; j < a.size(); ++j) square += (a[j] - b[j]) * (a[j] - b[j]);
  return std::sqrt(square);
}

}  // namespace

std::vector<double> CfoSampler::sample(const SampleRequest& request) const {
  const size_t d = request.space->size();
  const Place place = follow(request);
  if (place.begun >= request.points.size() && request.attempt == 0) return place.centre;
  // A step that changed nothing, once rounded, is made longer.
  const double length = (place.step + 0.1 * request.attempt) * std::sqrt(static_cast<double>(d));
  std::vector<double> point = place.centre;
  const std::vector<double>& last =
      request.points.empty() ? place.centre : request.points.back().unit;
  // Every other point is the mirror image of the one before it, if that was a step from here.
  const double gap = distance(last, place.centre);
  const bool step_from_here = gap > 0 && gap <= 1.001 * length;
  if (request.attempt == 0 && request.points.size() % 2 == 0 && step_from_here) {
    for (size_t j = 0; j < d; ++j) point[j] = std::clamp(2 * point[j] - last[j], 0.0, 1.0);
    return point;
  }
  Rng rng(draw_seed(request, "cfo"));
  const std::vector<double> direction = draw_direction(rng, d);
  for (size_t j = 0; j < d; ++j) point[j] = std::clamp(point[j] + length * direction[j], 0.0, 1.0);
  return point;
}

}  // namespace assay::automl
