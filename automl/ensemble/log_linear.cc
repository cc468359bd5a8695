#include "automl/ensemble/log_linear.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/exact_math.h"

namespace assay::automl {
namespace {

constexpr int kMostNewtonSteps = 25;
constexpr int kMostHalvings = 20;
constexpr int kMostPasses = 500;
constexpr double kSettledStep = 1e-6;  // of a step, against the weights
constexpr size_t kStopRows = 1024;     // between looks at the stop token

// Probabilities of the classes of a row but the first; gives log(sum of all) relative to the
// greatest score, and that score.
struct Pool {
  std::vector<double> scores;
  std::vector<double> shares;  // of the classes but the first
  double log_sum = 0;          // of exp(score) over all classes

  void take(const double* features, size_t classes, const std::vector<double>& theta) {
    const size_t params = theta.size();
    scores.resize(classes - 1);
    shares.resize(classes - 1);
    double most = 0;
    for (size_t k = 0; k + 1 < classes; ++k) {
      double score = 0;
      for (size_t j = 0; j < params; ++j) score += theta[j] * features[k * params + j];
      scores[k] = score;
      most = std::max(most, score);
    }
    double sum = kernels::exact_exp(-most);
    for (size_t k = 0; k + 1 < classes; ++k) {
      shares[k] = kernels::exact_exp(scores[k] - most);
      sum += shares[k];
    }
    for (double& share : shares) share /= sum;
    log_sum = most + kernels::exact_log(sum);
  }
  double loss_of(int32_t label) const {
    return label == 0 ? log_sum : log_sum - scores[static_cast<size_t>(label) - 1];
  }
};

struct Slopes {
  std::vector<double> first;
  std::vector<double> second;  // [params, params], the lower half
};

// The row's part of the slopes.
void add_row(const double* features, const Pool& pool, int32_t label, double weight,
             std::vector<double>& mean, Slopes& slopes) {
  const size_t params = mean.size();
  std::fill(mean.begin(), mean.end(), 0.0);
  for (size_t k = 0; k < pool.shares.size(); ++k) {
    const double* own = features + k * params;
    for (size_t j = 0; j < params; ++j) mean[j] += pool.shares[k] * own[j];
    for (size_t j = 0; j < params; ++j) {
      const double part = weight * pool.shares[k] * own[j];
      for (size_t i = 0; i <= j; ++i) slopes.second[j * params + i] += part * own[i];
    }
  }
  const double* truth = label == 0 ? nullptr : features + (static_cast<size_t>(label) - 1) * params;
  for (size_t j = 0; j < params; ++j) {
    slopes.first[j] += weight * (mean[j] - (truth == nullptr ? 0 : truth[j]));
    for (size_t i = 0; i <= j; ++i) slopes.second[j * params + i] -= weight * mean[j] * mean[i];
  }
}

double penalty_of(const LogLinearPrior& prior, const std::vector<double>& theta) {
  double sum = 0;
  for (size_t j = 0; j < theta.size(); ++j) {
    const double away = theta[j] - prior.center[j];
    sum += prior.strength[j] * away * away / 2;
  }
  return sum;
}

}  // namespace

double log_linear_loss(const LogLinearRows& rows, int half, const std::vector<double>& theta) {
  const auto classes = static_cast<size_t>(rows.classes);
  const size_t stride = (classes - 1) * theta.size();
  Pool pool;
  double sum = 0;
  for (size_t row = 0; row < rows.count(); ++row) {
    if (half >= 0 && rows.halves[row] != half) continue;
    pool.take(rows.features.data() + row * stride, classes, theta);
    sum += rows.weights[row] * pool.loss_of(rows.labels[row]);
  }
  return sum;
}

std::vector<double> least_of_parabola(const std::vector<double>& gradient,
                                      const std::vector<double>& hessian,
                                      const std::vector<double>& low) {
  const size_t count = gradient.size();
  std::vector<double> place(count);
  for (size_t j = 0; j < count; ++j) place[j] = std::max(0.0, low[j]);
  for (int pass = 0; pass < kMostPasses; ++pass) {
    double moved = 0;
    double size = 0;
    for (size_t j = 0; j < count; ++j) {
      double slope = gradient[j];
      for (size_t i = 0; i < count; ++i) slope += hessian[j * count + i] * place[i];
      const double next = std::max(low[j], place[j] - slope / hessian[j * count + j]);
      moved = std::max(moved, std::abs(next - place[j]));
      size = std::max(size, std::abs(next));
      place[j] = next;
    }
    if (moved <= 1e-9 * size) break;
  }
  return place;
}

Result<std::vector<double>> fit_log_linear(const LogLinearRows& rows, int half,
                                           const LogLinearPrior& prior, const StopToken& stop) {
  const auto classes = static_cast<size_t>(rows.classes);
  const auto params = static_cast<size_t>(rows.params);
  const size_t stride = (classes - 1) * params;
  std::vector<double> theta(params);
  for (size_t j = 0; j < params; ++j) theta[j] = std::max(prior.center[j], prior.least[j]);
  double loss = log_linear_loss(rows, half, theta) + penalty_of(prior, theta);
  Pool pool;
  std::vector<double> mean(params);
  std::vector<double> low(params);
  for (int step = 0; step < kMostNewtonSteps; ++step) {
    Slopes slopes{std::vector<double>(params, 0.0), std::vector<double>(params * params, 0.0)};
    for (size_t row = 0; row < rows.count(); ++row) {
      if (half >= 0 && rows.halves[row] != half) continue;
      if (row % kStopRows == 0 && stop.requested()) {
        return fail(StatusCode::kCancelled, "time was up");
      }
      const double* features = rows.features.data() + row * stride;
      pool.take(features, classes, theta);
      add_row(features, pool, rows.labels[row], rows.weights[row], mean, slopes);
    }
    for (size_t j = 0; j < params; ++j) {
      slopes.first[j] += prior.strength[j] * (theta[j] - prior.center[j]);
      slopes.second[j * params + j] += prior.strength[j];
      for (size_t i = 0; i < j; ++i) slopes.second[i * params + j] = slopes.second[j * params + i];
      low[j] = prior.least[j] - theta[j];
    }
    std::vector<double> move = least_of_parabola(slopes.first, slopes.second, low);
    double best = std::numeric_limits<double>::infinity();
    std::vector<double> next(params);
    for (int halving = 0; halving < kMostHalvings; ++halving) {
      for (size_t j = 0; j < params; ++j) next[j] = theta[j] + move[j];
      best = log_linear_loss(rows, half, next) + penalty_of(prior, next);
      if (best <= loss) break;
      for (double& part : move) part /= 2;
    }
    if (!(best <= loss)) break;
    double moved = 0;
    for (size_t j = 0; j < params; ++j) {
      moved = std::max(moved, std::abs(move[j]) / (1 + std::abs(theta[j])));
    }
    theta = next;
    loss = best;
    if (moved < kSettledStep) break;
  }
  return theta;
}

}  // namespace assay::automl
