// FitData: what every fit starts with: the request checked, weights scaled to mean 1 over the
// training rows (after those of relative errors), targets standardised. All sums run in row order
// in double, so they are the same on any number of threads.
#pragma once

#include <cstdint>
#include <vector>

#include "automl/learners/learner.h"
#include "automl/models/scores.h"
#include "kernels/base/status.h"

namespace assay::automl {

// Targets are held within this.
inline constexpr double kMostTarget = 1e15;

struct FitData {
  Aim aim;
  // Regression: (target - offset) / scale, held within +-kMostTarget; [rows], 0 where no row is
  // fitted.
  std::vector<double> targets;
  TargetScale target;  // offset the weighted mean of the training rows, scale their deviation
  // Scaled; [rows], or empty if none were given.
  std::vector<float> weights;
  // Sum of the scaled weights of the training rows, by class for classification.
  double weight_sum = 0;
  std::vector<double> class_weights;

  double weight(uint32_t row) const { return weights.empty() ? 1.0 : double{weights[row]}; }
};

// Of a fit with such an aim: with AimKind::kRelative each row weighs 1 / |target| of its weight.
// Fails: invalid_argument if rows are not ascending or out of range, arrays have other lengths, a
// class, target or weight of a named row is not allowed; data if the training weights sum to 0, or
// if a target is not of the aim's domain (check_aim).
Result<FitData> prepare_fit(const FitRequest& request, const Aim& aim);

// Whether the targets of `rows` (rows from 0, as they index `targets`) can be aimed at so.
// Fails: data, naming the row (from 1): kCount and kRanking want targets >= 0, kRelative none that
// is 0.
Status check_aim(const Aim& aim, std::span<const double> targets, std::span<const uint32_t> rows);

// A quantile of the training rows' targets, as FitData has them. O(rows).
double target_quantile(const FitRequest& request, const FitData& data, double level);
// The constant that serves the aim best, in units of FitData::targets.
double best_constant(const FitRequest& request, const FitData& data);
// Brings targets to mean 1 over the training rows (FitData::target says so): what losses with a
// logarithmic link work on. False, and nothing is changed, if no training row has a target above 0.
bool scale_by_mean(const FitRequest& request, FitData& data);

inline bool stop_requested(const kernels::ComputeContext& context) {
  return context.stop != nullptr && context.stop->requested();
}

// Whether mean_loss() is of the fit's aim: FitProgress::common_loss. It knows no rankings.
inline bool has_common_loss(const FitData& data) { return data.aim.kind != AimKind::kRanking; }

// Mean loss of predictions that are probabilities, or values in units of FitData::targets: log loss
// with probabilities of at least 1e-15; half the squared error, or where the aim is a quantile the
// pinball loss. `predictions` [rows, outputs].
double mean_loss(const FitRequest& request, const FitData& data, std::span<const uint32_t> rows,
                 std::span<const double> predictions, int32_t outputs);

}  // namespace assay::automl
