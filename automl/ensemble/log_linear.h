// Class probabilities as a softmax of weighted sums: z_k = sum over j of theta_j * f_kj, with
// features f of each class of a row and weights that all classes share. With the logarithms of
// several models' probabilities as features it pools these models (stacking.h), with those of one
// and an indicator for each class it moves that model's probabilities (calibration.h). The log loss
// is convex in the weights.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/base/clock.h"
#include "kernels/base/status.h"

namespace assay::automl {

// What log_loss takes probabilities of 0 for.
inline constexpr double kSmallestProbability = 1e-15;

struct LogLinearRows {
  int64_t classes = 0;
  int64_t params = 0;
  // [rows, classes - 1, params]: what the features have more than those of the row's first class.
  std::vector<double> features;
  std::vector<int32_t> labels;
  std::vector<double> weights;
  std::vector<uint8_t> halves;  // 0 or 1
  size_t count() const { return labels.size(); }
};

// What the weights are drawn to, and where they must not go.
struct LogLinearPrior {
  std::vector<double> center;  // [params]
  std::vector<double>
      strength;               // [params], > 0: of (theta - center)^2 / 2, against rows of weight 1
  std::vector<double> least;  // [params], of theta; -infinity: anything
};

// The weights with the least log loss plus penalty on the rows of one half, or on all with half -1.
// Newton's steps, each the best within the bounds for the parabola, halved while they do not help.
// The same bits on any machine. O(steps * rows * classes * params^2). Fails: cancelled.
Result<std::vector<double>> fit_log_linear(const LogLinearRows& rows, int half,
                                           const LogLinearPrior& prior, const StopToken& stop);

// Sum of the rows' weighted log losses with these weights; likewise.
double log_linear_loss(const LogLinearRows& rows, int half, const std::vector<double>& theta);

// The d within `low` (d_j >= low_j) with the least g d + d H d / 2, H [n, n] symmetric and positive
// definite: by passes over the coordinates. Pure.
std::vector<double> least_of_parabola(const std::vector<double>& gradient,
                                      const std::vector<double>& hessian,
                                      const std::vector<double>& low);

}  // namespace assay::automl
