// Decisions of two classes: the positive one is predicted where its share of a row's probabilities,
// q = p1 / (p0 + p1), is above a threshold. 0.5 is the more probable class. Where positives are
// rare no q need come near 0.5, and a metric of decided classes (accuracy, balanced_accuracy, f1)
// is served by another threshold: the one that scores best on rows whose predictions did not see
// them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "automl/metrics/metric.h"
#include "kernels/base/status.h"

namespace assay::automl {

inline constexpr double kEvenThreshold = 0.5;

// q, and 0 for two probabilities of 0.
inline double positive_share(float p0, float p1) {
  const double sum = double{p0} + double{p1};
  return sum > 0 ? double{p1} / sum : 0.0;
}
inline bool is_positive(float p0, float p1, double threshold) {
  return positive_share(p0, p1) > threshold;
}

// The class that a row's probabilities decide for: of two by the threshold, of more the first of
// the most probable ones.
inline size_t decide_class(std::span<const float> row, double threshold = kEvenThreshold) {
  if (row.size() == 2) return is_positive(row[0], row[1], threshold) ? 1 : 0;
  return static_cast<size_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

// Weights of rows by truth and decision.
struct DecisionCounts {
  double positives = 0;  // of the truth
  double negatives = 0;
  double hits = 0;    // positives that were decided to be
  double alarms = 0;  // negatives that were
};

// The threshold in (0, 1) with the best score on these rows; of equals the nearest to 0.5, and 0.5
// itself where it is one of them. Halfway between two rows' shares. 0.5 if one class is absent.
// `metric` decides (Metric::decides), predictions [rows, 2]. O(rows log rows).
// Fails: as Metric::score.
Result<double> best_threshold(const Metric& metric, PredictionView predictions, TargetView targets,
                              std::span<const float> weights = {});

// The score where every row is decided by the threshold that is the best on the other parts' rows,
// so that no row chooses for itself. `parts` as for score_parts; with fewer than two of them every
// kDecisionParts-th row of a class is a part. O(rows (log rows + parts)).
// Fails: as Metric::score.
Result<double> cross_decided_score(const Metric& metric, PredictionView predictions,
                                   TargetView targets, std::span<const float> weights,
                                   std::span<const int32_t> parts);
inline constexpr int32_t kDecisionParts = 5;

}  // namespace assay::automl
