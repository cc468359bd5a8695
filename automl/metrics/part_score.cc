#include "automl/metrics/part_score.h"

#include <algorithm>
#include <vector>

#include "automl/metrics/decision.h"
#include "automl/metrics/target_rows.h"

namespace assay::automl {
namespace {

// The rows of a part, copied together.
struct PartRows {
  std::vector<float> predictions;
  TargetRows truth;
  double total_weight = 0;
};

}  // namespace

Result<double> score_parts(const Metric& metric, PredictionView predictions, TargetView targets,
                           std::span<const float> weights, std::span<const int32_t> parts) {
  if (metric.decides() && predictions.columns == 2) {
    return cross_decided_score(metric, predictions, targets, weights, parts);
  }
  if (parts.empty() || !metric.ranks()) return metric.score(predictions, targets, weights);
  if (static_cast<int64_t>(parts.size()) != predictions.rows) {
    return fail(StatusCode::kInvalidArgument, "{} rows of predictions, but parts of {}",
                predictions.rows, parts.size());
  }
  std::vector<PartRows> split(static_cast<size_t>(*std::max_element(parts.begin(), parts.end())) +
                              1);
  for (size_t row = 0; row < parts.size(); ++row) {
    PartRows& part = split[static_cast<size_t>(parts[row])];
    const float* from = predictions.data + static_cast<int64_t>(row) * predictions.columns;
    part.predictions.insert(part.predictions.end(), from, from + predictions.columns);
    part.truth.add(targets, weights, row);
    part.total_weight += weights.empty() ? 1.0 : static_cast<double>(weights[row]);
  }
  double sum = 0;
  double total_weight = 0;
  for (const PartRows& part : split) {
    const auto rows = static_cast<int64_t>(part.predictions.size()) / predictions.columns;
    if (rows == 0) continue;
    const auto score = metric.score({part.predictions.data(), rows, predictions.columns},
                                    part.truth.view(), part.truth.weights);
    if (!score && score.error().code == StatusCode::kInvalidArgument) return score;
    if (!score) continue;
    sum += part.total_weight * *score;
    total_weight += part.total_weight;
  }
  if (!(total_weight > 0)) return metric.score(predictions, targets, weights);
  return sum / total_weight;
}

}  // namespace assay::automl
