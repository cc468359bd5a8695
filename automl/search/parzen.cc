#include "automl/search/parzen.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "automl/search/draws.h"

namespace assay::automl {
namespace {

// Of the wide kernel: the width of the cube.
constexpr double kWide = 1;
// Kernels are this wide by the rule of Scott, n^(-1 / (d + 4)), and at least 1 / min(100, n + 1).
constexpr double kScottFactor = 0.2;

double normal_integral(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

double log_cut_normal(double x, double mean, double deviation) {
  const double z = (x - mean) / deviation;
  const double inside =
      normal_integral((1 - mean) / deviation) - normal_integral(-mean / deviation);
  return -0.5 * z * z - std::log(deviation * std::sqrt(2 * std::numbers::pi) * inside);
}

int64_t level_at(double unit, int64_t levels) {
  return std::clamp<int64_t>(static_cast<int64_t>(unit * static_cast<double>(levels)), 0,
                             levels - 1);
}

}  // namespace

ParzenDensity::ParzenDensity(const SearchSpace& space, std::vector<std::vector<double>> centres,
                             std::vector<double> weights)
    : space_(&space) {
  for (const Dimension& dimension : space.dimensions()) {
    levels_.push_back(static_cast<int64_t>(dimension.choices.size()));
  }
  const auto n = static_cast<double>(centres.size());
  const auto d = static_cast<double>(space.size());
  deviation_ =
      std::max(kScottFactor * std::pow(std::max(n, 1.0), -1 / (d + 4)), 1 / std::min(100.0, n + 1));
  level_share_ = 1 / (n + 1);
  for (size_t i = 0; i < centres.size(); ++i) {
    weight_sum_ += weights[i];
    std::vector<bool> active = space.active_at(centres[i]);
    kernels_.push_back({std::move(centres[i]), std::move(active), weights[i]});
  }
}

std::vector<double> ParzenDensity::draw(Rng& rng) const {
  double place = rng.next_double() * weight_sum_;
  const Kernel* from = nullptr;
  for (const Kernel& kernel : kernels_) {
    if (place < kernel.weight) {
      from = &kernel;
      break;
    }
    place -= kernel.weight;
  }
  std::vector<double> point(levels_.size());
  for (size_t j = 0; j < point.size(); ++j) {
    const bool uniform = from == nullptr || !from->active[j];
    if (levels_[j] == 0) {
      point[j] = uniform ? draw_normal_in_unit(rng, 0.5, kWide)
                         : draw_normal_in_unit(rng, from->centre[j], deviation_);
    } else {
      const bool other = uniform || rng.next_double() < level_share_;
      point[j] = other ? rng.next_double() : from->centre[j];
    }
  }
  return point;
}

double ParzenDensity::log_kernel(const Kernel& kernel, std::span<const double> point,
                                 const std::vector<bool>& active) const {
  double sum = 0;
  for (size_t j = 0; j < point.size(); ++j) {
    if (!kernel.active[j] || !active[j]) continue;
    if (levels_[j] == 0) {
      sum += log_cut_normal(point[j], kernel.centre[j], deviation_);
      continue;
    }
    // As a density over [0, 1], in which each choice has an equal part.
    const auto levels = static_cast<double>(levels_[j]);
    const bool same = level_at(point[j], levels_[j]) == level_at(kernel.centre[j], levels_[j]);
    sum += std::log(level_share_ + (same ? (1 - level_share_) * levels : 0.0));
  }
  return sum;
}

double ParzenDensity::log_density(std::span<const double> point) const {
  double wide = 0;
  const std::vector<bool> active = space_->active_at(point);
  for (size_t j = 0; j < point.size(); ++j) {
    if (levels_[j] == 0 && active[j]) wide += log_cut_normal(point[j], 0.5, kWide);
  }
  std::vector<double> terms = {wide};
  double most = wide;
  for (const Kernel& kernel : kernels_) {
    terms.push_back(std::log(kernel.weight) + log_kernel(kernel, point, active));
    most = std::max(most, terms.back());
  }
  double sum = 0;
  for (const double term : terms) sum += std::exp(term - most);
  return most + std::log(sum / weight_sum_);
}

}  // namespace assay::automl
