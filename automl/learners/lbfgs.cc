#include "automl/learners/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace assay::automl {
namespace {

constexpr double kEnough = 1e-4;  // share of the predicted decrease that a step must reach
constexpr int kMostHalvings = 25;

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

void add(std::vector<double>& a, double factor, std::span<const double> b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] += factor * b[i];
}

}  // namespace

double Lbfgs::gradient_norm() const {
  double most = 0;
  for (const double g : gradient_) most = std::max(most, std::abs(g));
  return most;
}

// -H g by the two-loop recursion.
std::vector<double> Lbfgs::direction() const {
  std::vector<double> q = gradient_;
  std::vector<double> alphas;
  for (auto pair = pairs_.rbegin(); pair != pairs_.rend(); ++pair) {
    const double alpha = dot(pair->step, q) / pair->curvature;
    add(q, -alpha, pair->change);
    alphas.push_back(alpha);
  }
  double scale = 1;
  if (!pairs_.empty()) {
    scale = pairs_.back().curvature / dot(pairs_.back().change, pairs_.back().change);
  } else {
    // Without knowledge of the curvature: a step of length 1 at most.
    scale = 1 / std::max(1.0, std::sqrt(dot(q, q)));
  }
  for (double& value : q) value *= scale;
  for (const Pair& pair : pairs_) {
    const double beta = dot(pair.change, q) / pair.curvature;
    add(q, alphas.back() - beta, pair.step);
    alphas.pop_back();
  }
  for (double& value : q) value = -value;
  return q;
}

Result<Lbfgs::Outcome> Lbfgs::step(Objective objective) {
  if (gradient_.empty()) {
    std::vector<double> gradient(x_.size());
    ASSAY_ASSIGN_OR_RETURN(value_, objective(x_, gradient));
    gradient_ = std::move(gradient);
  }
  std::vector<double> way = direction();
  double slope = dot(way, gradient_);
  if (!(slope < 0) && !pairs_.empty()) {
    // The pairs have lost their sense to rounding: begin anew along the gradient.
    pairs_.clear();
    way = direction();
    slope = dot(way, gradient_);
  }
  if (!(slope < 0)) return Outcome::kDone;
  double length = 1;
  std::vector<double> gradient(x_.size());
  for (int halving = 0; halving < kMostHalvings; ++halving, length *= 0.5) {
    std::vector<double> next = x_;
    add(next, length, way);
    ASSAY_ASSIGN_OR_RETURN(const double value, objective(next, gradient));
    if (!(value <= value_ + kEnough * length * slope) || !(value < value_)) continue;
    Pair pair{next, gradient, 0};
    add(pair.step, -1, x_);
    add(pair.change, -1, gradient_);
    pair.curvature = dot(pair.step, pair.change);
    if (pair.curvature > 1e-12 * dot(pair.change, pair.change)) {
      pairs_.push_back(std::move(pair));
      if (pairs_.size() > static_cast<size_t>(history_)) pairs_.pop_front();
    }
    x_ = std::move(next);
    gradient_ = std::move(gradient);
    value_ = value;
    return Outcome::kMoved;
  }
  return Outcome::kDone;
}

}  // namespace assay::automl
