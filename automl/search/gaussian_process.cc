// Fit: with R the kernel matrix for s = 1 and A = R + v I, the negative log posterior is, but for
// constants,
//     n/2 log(y' A^-1 y) + 1/2 log |A| + sum of squares of the standardised log l_j and log v
// and its derivative by a parameter t of A
//     1/2 tr(A^-1 dA/dt) - n/2 (w' dA/dt w) / (y' w),   w = A^-1 y.
#define EIGEN_DONT_PARALLELIZE
#include "automl/search/gaussian_process.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <utility>

#include "automl/learners/lbfgs.h"

namespace assay::automl {
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;
using Eigen::Index;

constexpr int kFitSteps = 15;
// Priors of log l (for each of d coordinates, log of 0.5 sqrt(d)) and log v.
constexpr double kLengthDeviation = 1.0;
constexpr double kNoiseMean = -7.0;
constexpr double kNoiseDeviation = 2.5;
// Keeps A invertible whatever v is.
constexpr double kLeastNoise = 1e-8;

double length_mean(size_t d) { return std::log(0.5 * std::sqrt(static_cast<double>(d))); }

// Block sizes of products, and with them the order of sums, must not depend on the machine's
// caches.
void fix_block_sizes() {
  static const bool done = [] {
    Eigen::setCpuCacheSizes(32 << 10, 512 << 10, 2 << 20);
    return true;
  }();
  static_cast<void>(done);
}

double matern(double square) {
  const double r = std::sqrt(5 * square);
  return (1 + r + r * r / 3) * std::exp(-r);
}

// d matern / d square, times 2.
double matern_slope(double square) {
  const double r = std::sqrt(5 * square);
  return -5.0 / 3.0 * (1 + r) * std::exp(-r);
}

}  // namespace

struct GaussianProcess::State {
  std::vector<bool> choice;  // by coordinate
  Matrix points;             // [n, d]
  Vector values;             // centred and scaled
  double centre = 0;
  double scale = 1;
  std::vector<double> lengths;
  double noise = 0;
  Eigen::LLT<Matrix> factor;  // of A
  Vector weights;             // A^-1 y
  double variance = 1;        // s^2

  double square_gap(Index j, double a, double b) const {
    const double gap = choice[static_cast<size_t>(j)] ? (a == b ? 0.0 : 1.0) : a - b;
    return gap * gap;
  }

  Matrix kernel_matrix(std::span<const double> scales) const {
    const Index n = points.rows();
    Matrix kernel = Matrix::Identity(n, n);
    for (Index i = 0; i < n; ++i) {
      for (Index k = 0; k < i; ++k) {
        double square = 0;
        for (Index j = 0; j < points.cols(); ++j) {
          const double length = scales[static_cast<size_t>(j)];
          square += square_gap(j, points(i, j), points(k, j)) / (length * length);
        }
        kernel(i, k) = kernel(k, i) = matern(square);
      }
    }
    return kernel;
  }

  // At x = (log l_1, ..., log l_d, log v).
  Result<double> objective(std::span<const double> x, std::span<double> gradient) const;
  Status solve();
};

Result<double> GaussianProcess::State::objective(std::span<const double> x,
                                                 std::span<double> gradient) const {
  const Index n = points.rows();
  const auto d = static_cast<size_t>(points.cols());
  std::vector<double> scales(d);
  for (size_t j = 0; j < d; ++j) scales[j] = std::exp(std::clamp(x[j], -12.0, 12.0));
  const double nugget = std::exp(std::clamp(x[d], -30.0, 5.0)) + kLeastNoise;
  const Matrix kernel = kernel_matrix(scales);
  const Eigen::LLT<Matrix> llt(kernel + nugget * Matrix::Identity(n, n));
  if (llt.info() != Eigen::Success) return fail(StatusCode::kInternal, "no factor");
  const Vector w = llt.solve(values);
  const double fit = std::max(values.dot(w), 1e-300);
  const Matrix inverse = llt.solve(Matrix::Identity(n, n));
  double value = 0.5 * static_cast<double>(n) * std::log(fit);
  for (Index i = 0; i < n; ++i) value += std::log(llt.matrixLLT()(i, i));

  const double share = static_cast<double>(n) / fit;
  std::fill(gradient.begin(), gradient.end(), 0.0);
  for (Index i = 0; i < n; ++i) {
    for (Index k = 0; k < i; ++k) {
      double square = 0;
      for (size_t j = 0; j < d; ++j) {
        const auto at = static_cast<Index>(j);
        square += square_gap(at, points(i, at), points(k, at)) / (scales[j] * scales[j]);
      }
      const double pull = (inverse(i, k) - share * w(i) * w(k)) * matern_slope(square);
      for (size_t j = 0; j < d; ++j) {
        const auto at = static_cast<Index>(j);
        gradient[j] -=
            pull * square_gap(at, points(i, at), points(k, at)) / (scales[j] * scales[j]);
      }
    }
  }
  gradient[d] = 0.5 * nugget * (inverse.trace() - share * w.squaredNorm());
  const auto prior = [&](size_t at, double mean, double deviation) {
    const double z = (x[at] - mean) / deviation;
    value += 0.5 * z * z;
    gradient[at] += z / deviation;
  };
  for (size_t j = 0; j < d; ++j) prior(j, length_mean(d), kLengthDeviation);
  prior(d, kNoiseMean, kNoiseDeviation);
  if (!std::isfinite(value)) return fail(StatusCode::kInternal, "not finite");
  return value;
}

Status GaussianProcess::State::solve() {
  const Index n = points.rows();
  factor.compute(kernel_matrix(lengths) + (noise + kLeastNoise) * Matrix::Identity(n, n));
  if (factor.info() != Eigen::Success) return fail(StatusCode::kInternal, "gp: no factor");
  weights = factor.solve(values);
  if (!weights.allFinite()) return fail(StatusCode::kInternal, "gp: weights are not finite");
  return {};
}

Result<GaussianProcess> GaussianProcess::fit(const SearchSpace& space,
                                             std::span<const std::vector<double>> points,
                                             std::span<const double> values) {
  const size_t d = space.size();
  if (points.size() < 2 || points.size() != values.size() || d == 0) {
    return fail(StatusCode::kInvalidArgument, "gp: {} points and {} values (must be 2 or more)",
                points.size(), values.size());
  }
  fix_block_sizes();
  auto state = std::make_unique<State>();
  for (const Dimension& dimension : space.dimensions()) {
    state->choice.push_back(!dimension.choices.empty());
  }
  const auto n = static_cast<Index>(points.size());
  state->points.resize(n, static_cast<Index>(d));
  state->values.resize(n);
  for (Index i = 0; i < n; ++i) {
    const std::vector<double>& point = points[static_cast<size_t>(i)];
    if (point.size() != d) {
      return fail(StatusCode::kInvalidArgument, "gp: a point of {} coordinates (must have {})",
                  point.size(), d);
    }
    for (size_t j = 0; j < d; ++j) state->points(i, static_cast<Index>(j)) = point[j];
    state->values(i) = values[static_cast<size_t>(i)];
  }
  state->centre = state->values.mean();
  state->values.array() -= state->centre;
  const double spread = std::sqrt(state->values.squaredNorm() / static_cast<double>(n));
  state->scale = spread > 0 ? spread : 1;
  state->values /= state->scale;

  std::vector<double> start(d, length_mean(d));
  start.push_back(kNoiseMean);
  Lbfgs descent(start);
  const auto objective = [&](std::span<const double> x, std::span<double> gradient) {
    return state->objective(x, gradient);
  };
  for (int step = 0; step < kFitSteps; ++step) {
    const auto moved = descent.step(objective);
    if (!moved || *moved == Lbfgs::Outcome::kDone || descent.gradient_norm() < 1e-3) break;
  }
  for (size_t j = 0; j < d; ++j) {
    state->lengths.push_back(std::exp(std::clamp(descent.x()[j], -12.0, 12.0)));
  }
  state->noise = std::exp(std::clamp(descent.x()[d], -30.0, 5.0));
  ASSAY_RETURN_IF_ERROR(state->solve());
  state->variance = std::max(state->values.dot(state->weights) / static_cast<double>(n), 1e-12);
  return GaussianProcess(std::move(state));
}

GaussianProcess::Prediction GaussianProcess::predict(std::span<const double> point) const {
  const State& s = *state_;
  const Index n = s.points.rows();
  Vector kernel(n);
  for (Index i = 0; i < n; ++i) {
    double square = 0;
    for (Index j = 0; j < s.points.cols(); ++j) {
      const double length = s.lengths[static_cast<size_t>(j)];
      square += s.square_gap(j, s.points(i, j), point[static_cast<size_t>(j)]) / (length * length);
    }
    kernel(i) = matern(square);
  }
  const double mean = kernel.dot(s.weights);
  const Vector half = s.factor.matrixL().solve(kernel);
  const double variance = std::max(s.variance * (1 - half.squaredNorm()), 1e-18);
  return {s.centre + s.scale * mean, s.scale * std::sqrt(variance)};
}

Result<GaussianProcess> GaussianProcess::believing(
    std::span<const std::vector<double>> further) const {
  auto next = std::make_unique<State>(*state_);
  const Index known = next->points.rows();
  const auto more = static_cast<Index>(further.size());
  next->points.conservativeResize(known + more, Eigen::NoChange);
  next->values.conservativeResize(known + more);
  for (Index i = 0; i < more; ++i) {
    const std::vector<double>& point = further[static_cast<size_t>(i)];
    for (Index j = 0; j < next->points.cols(); ++j) {
      next->points(known + i, j) = point[static_cast<size_t>(j)];
    }
    next->values(known + i) = (predict(point).mean - next->centre) / next->scale;
  }
  ASSAY_RETURN_IF_ERROR(next->solve());
  return GaussianProcess(std::move(next));
}

GaussianProcess::GaussianProcess(std::unique_ptr<const State> state) : state_(std::move(state)) {}
GaussianProcess::~GaussianProcess() = default;
GaussianProcess::GaussianProcess(GaussianProcess&&) noexcept = default;
GaussianProcess& GaussianProcess::operator=(GaussianProcess&&) noexcept = default;

std::span<const double> GaussianProcess::length_scales() const { return state_->lengths; }
double GaussianProcess::noise() const { return state_->noise; }

}  // namespace assay::automl
