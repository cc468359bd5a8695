#include "automl/search/sample_points.h"

#include <algorithm>

#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

bool is_better(const SamplePoint& a, const SamplePoint& b) {
  if (a.state != b.state) return a.state < b.state;
  if (a.state == SamplePoint::State::kFailed) return false;
  if (a.state == SamplePoint::State::kPruned && a.depth != b.depth) return a.depth > b.depth;
  return a.loss < b.loss;
}

}  // namespace

std::vector<size_t> ranked_points(std::span<const SamplePoint> points) {
  std::vector<size_t> places;
  for (size_t i = 0; i < points.size(); ++i) {
    if (points[i].state != SamplePoint::State::kOpen) places.push_back(i);
  }
  std::stable_sort(places.begin(), places.end(),
                   [&](size_t a, size_t b) { return is_better(points[a], points[b]); });
  return places;
}

size_t known_count(std::span<const SamplePoint> points) {
  return static_cast<size_t>(std::count_if(points.begin(), points.end(), [](const SamplePoint& p) {
    return p.state != SamplePoint::State::kOpen;
  }));
}

KnownLosses known_losses(std::span<const SamplePoint> points) {
  std::vector<double> scored;
  for (const SamplePoint& point : points) {
    if (point.state == SamplePoint::State::kScored) scored.push_back(point.loss);
  }
  KnownLosses known;
  if (scored.empty()) return known;
  std::sort(scored.begin(), scored.end());
  const double median = scored[scored.size() / 2];
  const double quartile = scored[scored.size() * 3 / 4];
  const double most = std::min(scored.back(), quartile + 3 * (median - scored.front()));
  for (size_t i = 0; i < points.size(); ++i) {
    if (points[i].state == SamplePoint::State::kOpen) continue;
    const bool has_loss = points[i].state == SamplePoint::State::kScored;
    known.places.push_back(i);
    known.losses.push_back(has_loss ? std::min(points[i].loss, most) : most);
  }
  return known;
}

uint64_t draw_seed(const SampleRequest& request, std::string_view purpose) {
  return derive_seed(request.draw, purpose, static_cast<uint64_t>(request.attempt));
}

}  // namespace assay::automl
