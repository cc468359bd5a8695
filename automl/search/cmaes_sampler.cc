#define EIGEN_DONT_PARALLELIZE
#include "automl/search/cmaes_sampler.h"

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "automl/search/draws.h"
#include "automl/search/sample_points.h"

namespace assay::automl {
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;
using Eigen::Index;

constexpr double kStartSigma = 0.25;
constexpr double kLeastStep = 1e-6;
constexpr double kMostStep = 0.5;

Vector vector_of(const std::vector<double>& point) {
  return Eigen::Map<const Vector>(point.data(), static_cast<Index>(point.size()));
}

// Constants and state under the names of the tutorial.
class Evolution {
 public:
  explicit Evolution(const Vector& mean) : mean_(mean), n_(static_cast<double>(mean.size())) {
    lambda_ = 4 + static_cast<size_t>(3 * std::log(n_));
    const size_t mu = lambda_ / 2;
    double sum = 0;
    double squares = 0;
    for (size_t i = 0; i < mu; ++i) {
      weights_.push_back(std::log(static_cast<double>(lambda_ + 1) / 2) -
                         std::log(static_cast<double>(i + 1)));
      sum += weights_.back();
    }
    for (double& weight : weights_) {
      weight /= sum;
      squares += weight * weight;
    }
    mu_eff_ = 1 / squares;
    c_sigma_ = (mu_eff_ + 2) / (n_ + mu_eff_ + 5);
    d_sigma_ = 1 + 2 * std::max(0.0, std::sqrt((mu_eff_ - 1) / (n_ + 1)) - 1) + c_sigma_;
    c_c_ = (4 + mu_eff_ / n_) / (n_ + 4 + 2 * mu_eff_ / n_);
    c_1_ = 2 / ((n_ + 1.3) * (n_ + 1.3) + mu_eff_);
    c_mu_ = std::min(1 - c_1_, 2 * (mu_eff_ - 2 + 1 / mu_eff_) / ((n_ + 2) * (n_ + 2) + mu_eff_));
    chi_ = std::sqrt(n_) * (1 - 1 / (4 * n_) + 1 / (21 * n_ * n_));
    const Index size = mean.size();
    covariance_ = Matrix::Identity(size, size);
    path_c_ = path_sigma_ = Vector::Zero(size);
    decompose();
  }

  size_t lambda() const { return lambda_; }

  // `best`: the better half of a group, best first.
  void update(std::span<const Vector> best) {
    ++generation_;
    std::vector<Vector> steps;
    for (const Vector& point : best) steps.push_back(drawn_in((point - mean_) / sigma_));
    Vector mean_step = Vector::Zero(mean_.size());
    for (size_t i = 0; i < steps.size(); ++i) mean_step += weights_[i] * steps[i];
    mean_ += sigma_ * mean_step;
    for (double& x : mean_) x = std::clamp(x, 0.0, 1.0);
    path_sigma_ = (1 - c_sigma_) * path_sigma_ +
                  std::sqrt(c_sigma_ * (2 - c_sigma_) * mu_eff_) * whitened(mean_step);
    const double norm = path_sigma_.norm();
    const double decay = 1 - std::pow(1 - c_sigma_, 2.0 * generation_);
    const bool quiet = norm / std::sqrt(decay) < (1.4 + 2 / (n_ + 1)) * chi_;
    path_c_ *= 1 - c_c_;
    if (quiet) path_c_ += std::sqrt(c_c_ * (2 - c_c_) * mu_eff_) * mean_step;
    const double lost = quiet ? 0 : c_1_ * c_c_ * (2 - c_c_);
    covariance_ *= 1 - c_1_ - c_mu_ + lost;
    covariance_ += c_1_ * path_c_ * path_c_.transpose();
    for (size_t i = 0; i < steps.size(); ++i) {
      covariance_ += c_mu_ * weights_[i] * steps[i] * steps[i].transpose();
    }
    sigma_ *= std::exp(std::min(1.0, c_sigma_ / d_sigma_ * (norm / chi_ - 1)));
    sigma_ = std::clamp(sigma_, kLeastStep, kMostStep);
    decompose();
  }

  // Drawn again, a few times, where it falls outside the cube, and then cut off.
  std::vector<double> draw(Rng& rng) const {
    constexpr int kTries = 16;
    std::vector<double> point(static_cast<size_t>(mean_.size()));
    for (int attempt = 0; attempt < kTries; ++attempt) {
      Vector z(mean_.size());
      for (double& x : z) x = draw_normal(rng);
      const Vector x = mean_ + sigma_ * (axes_ * lengths_.cwiseProduct(z));
      bool inside = true;
      for (size_t j = 0; j < point.size(); ++j) {
        const double coordinate = x(static_cast<Index>(j));
        inside = inside && coordinate >= 0 && coordinate <= 1;
        point[j] = std::clamp(coordinate, 0.0, 1.0);
      }
      if (inside) break;
    }
    return point;
  }

 private:
  void decompose() {
    const Eigen::SelfAdjointEigenSolver<Matrix> solver(covariance_);
    axes_ = solver.eigenvectors();
    lengths_ = solver.eigenvalues().cwiseMax(1e-20).cwiseSqrt();
  }

  Vector whitened(const Vector& step) const {
    return axes_ * (axes_.transpose() * step).cwiseQuotient(lengths_);
  }

  Vector drawn_in(const Vector& step) const {
    const double most = std::sqrt(n_) + 2 * n_ / (n_ + 2);
    const double length = whitened(step).norm();
    return length > most ? Vector(step * (most / length)) : step;
  }

  Vector mean_;
  double n_;
  size_t lambda_ = 0;
  std::vector<double> weights_;
  double mu_eff_ = 0, c_sigma_ = 0, d_sigma_ = 0, c_c_ = 0, c_1_ = 0, c_mu_ = 0, chi_ = 0;
  double sigma_ = kStartSigma;
  double generation_ = 0;
  Matrix covariance_;
  Matrix axes_;
  Vector lengths_, path_c_, path_sigma_;
};

}  // namespace

std::vector<double> CmaesSampler::sample(const SampleRequest& request) const {
  const size_t size = request.space->size();
  Evolution evolution(request.points.empty() ? Vector::Constant(static_cast<Index>(size), 0.5)
                                             : vector_of(request.points.front().unit));
  std::vector<SamplePoint> group;
  for (const SamplePoint& point : request.points) {
    if (point.state == SamplePoint::State::kOpen) continue;
    group.push_back(point);
    if (group.size() < evolution.lambda()) continue;
    std::vector<Vector> best;
    for (const size_t place : ranked_points(group)) {
      if (best.size() < group.size() / 2) best.push_back(vector_of(group[place].unit));
    }
    evolution.update(best);
    group.clear();
  }
  Rng rng(draw_seed(request, "cmaes"));
  return evolution.draw(rng);
}

}  // namespace assay::automl
