// FitData: what every fit starts with: the request checked, weights scaled to mean 1 over the
// training rows, targets standardised. All sums run in row order in double, so they are the same on
// any number of threads.
#pragma once

#include <cstdint>
#include <vector>

#include "automl/learners/learner.h"
#include "automl/models/scores.h"
#include "kernels/base/status.h"

namespace assay::automl {

struct FitData {
  // Regression: (target - offset) / scale, held within +-1e15; [rows], 0 where no row is fitted.
  std::vector<double> targets;
  TargetScale target;  // offset the weighted mean of the training rows, scale their deviation
  // Scaled; [rows], or empty if none were given.
  std::vector<float> weights;
  // Sum of the scaled weights of the training rows, by class for classification.
  double weight_sum = 0;
  std::vector<double> class_weights;

  double weight(uint32_t row) const { return weights.empty() ? 1.0 : double{weights[row]}; }
};

// Fails: invalid_argument if rows are not ascending or out of range, arrays have other lengths, a
// class, target or weight of a named row is not allowed; data if the training weights sum to 0.
Result<FitData> prepare_fit(const FitRequest& request);

inline bool stop_requested(const kernels::ComputeContext& context) {
  return context.stop != nullptr && context.stop->requested();
}

// Mean loss of predictions that are probabilities, or values in units of FitData::targets: log loss
// with probabilities of at least 1e-15, or half the squared error. `predictions` [rows, outputs].
double mean_loss(const FitRequest& request, const FitData& data, std::span<const uint32_t> rows,
                 std::span<const double> predictions, int32_t outputs);

}  // namespace assay::automl
