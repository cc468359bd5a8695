#include "automl/search/gp_sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "automl/search/draws.h"
#include "automl/search/gaussian_process.h"
#include "automl/search/sample_points.h"
#include "automl/search/sobol_sampler.h"

namespace assay::automl {
namespace {

// Points the process is fitted on: the best, and the newest others.
constexpr size_t kMostBest = 30;
constexpr size_t kMostPoints = 100;
// Candidates: over all the cube, around each of the best points, and how many are refined.
constexpr uint32_t kWideCandidates = 384;
constexpr size_t kCentres = 4;
constexpr int kNearCandidates = 32;
constexpr size_t kRefined = 4;
constexpr double kRefineSteps[] = {0.08, 0.02, 0.005};

using Point = std::vector<double>;

struct Known {
  std::vector<Point> points;
  std::vector<double> losses;
};

// From best to worst.
Known kept_points(const SampleRequest& request) {
  const KnownLosses all = known_losses(request.points);
  std::vector<size_t> order(all.places.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return all.losses[a] < all.losses[b]; });
  if (order.size() > kMostPoints) {
    const auto best_end = order.begin() + static_cast<std::ptrdiff_t>(kMostBest);
    std::sort(best_end, order.end(), std::greater<>());
    order.resize(kMostPoints);
  }
  Known known;
  for (const size_t i : order) {
    known.points.push_back(request.space->settled(request.points[all.places[i]].unit));
    known.losses.push_back(all.losses[i]);
  }
  return known;
}

class Acquisition {
 public:
  Acquisition(const SampleRequest& request, const GaussianProcess& process, double best)
      : request_(request), process_(process), best_(best) {}

  // A point with the greatest expected improvement, of those that are looked at.
  Point maximum(std::span<const Point> best_points) {
    const size_t size = request_.space->size();
    const uint64_t seed = draw_seed(request_, "ei");
    for (uint32_t i = 0; i < kWideCandidates; ++i) consider(sobol_point(size, i, seed));
    Rng rng(derive_seed(seed, "near"));
    for (size_t c = 0; c < std::min(kCentres, best_points.size()); ++c) {
      for (int i = 0; i < kNearCandidates; ++i) {
        const double deviation = i % 2 == 0 ? 0.1 : 0.02;
        Point point = best_points[c];
        for (double& coordinate : point) {
          coordinate = draw_normal_in_unit(rng, coordinate, deviation);
        }
        consider(std::move(point));
      }
    }
    std::stable_sort(seen_.begin(), seen_.end(),
                     [](const Seen& a, const Seen& b) { return a.gain > b.gain; });
    Seen best = seen_.front();
    for (size_t i = 0; i < std::min(kRefined, seen_.size()); ++i) {
      const Seen better = refined(seen_[i]);
      if (better.gain > best.gain) best = better;
    }
    return best.point;
  }

 private:
  struct Seen {
    Point point;
    double gain = 0;
  };

  double gain_at(const Point& settled) const {
    const auto prediction = process_.predict(settled);
    return log_expected_improvement(best_, prediction.mean, prediction.deviation);
  }

  void consider(Point point) {
    point = request_.space->settled(point);
    const double gain = gain_at(point);
    seen_.push_back({std::move(point), gain});
  }

  // Coordinate by coordinate, as long as it helps.
  Seen refined(Seen from) const {
    for (const double step : kRefineSteps) {
      for (size_t j = 0; j < from.point.size(); ++j) {
        for (const double move : {step, -step}) {
          Point point = from.point;
          point[j] = std::clamp(point[j] + move, 0.0, 1.0);
          point = request_.space->settled(point);
          const double gain = gain_at(point);
          if (gain > from.gain) from = {std::move(point), gain};
        }
      }
    }
    return from;
  }

  const SampleRequest& request_;
  const GaussianProcess& process_;
  double best_;
  std::vector<Seen> seen_;
};

}  // namespace

double log_expected_improvement(double best, double mean, double deviation) {
  const double z = (best - mean) / deviation;
  const double log_density = -0.5 * z * z - 0.5 * std::log(2 * std::numbers::pi);
  if (z < -8) {
    // phi(z) + z Phi(z) = phi(z) / z^2 (1 - 3 / z^2 + 15 / z^4 - ...)
    return std::log(deviation) + log_density - 2 * std::log(-z) +
           std::log1p((15 / (z * z) - 3) / (z * z));
  }
  const double below = 0.5 * std::erfc(-z / std::numbers::sqrt2);
  return std::log(deviation) + std::log(std::exp(log_density) + z * below);
}

std::vector<double> GpSampler::sample(const SampleRequest& request) const {
  const size_t size = request.space->size();
  const size_t first_points = std::clamp<size_t>(size + 1, 5, 10);
  if (known_count(request.points) < first_points) return SobolSampler().sample(request);
  const Known known = kept_points(request);
  if (known.points.size() < 2) return SobolSampler().sample(request);
  auto process = GaussianProcess::fit(*request.space, known.points, known.losses);
  if (!process) return SobolSampler().sample(request);
  // Of the fit and not of the noisy values: the best mean at a known point.
  double best = std::numeric_limits<double>::infinity();
  for (const Point& point : known.points) best = std::min(best, process->predict(point).mean);
  std::vector<Point> open;
  for (const SamplePoint& point : request.points) {
    if (point.state == SamplePoint::State::kOpen)
      open.push_back(request.space->settled(point.unit));
  }
  if (!open.empty()) {
    auto believed = process->believing(open);
    if (believed) process = std::move(believed);
  }
  return Acquisition(request, *process, best).maximum(known.points);
}

}  // namespace assay::automl
