// Metrics of class probabilities that need no ranking: log loss, and those of the confusion
// matrix's margins (Sokolova, Lapalme: "A systematic analysis of performance measures for
// classification tasks", Information Processing & Management 45, 2009).
#include <algorithm>
#include <vector>

#include "automl/metrics/metric_internal.h"

namespace assay::automl::metrics {
namespace {

// Weight of each class: in the truth, among the predictions, and where both agree.
struct ClassCounts {
  std::vector<double> truth;
  std::vector<double> predicted;
  std::vector<double> hit;
};

int32_t top_class(const Sample& sample, int64_t row) {
  const auto columns = static_cast<size_t>(sample.predictions.columns);
  const float* first = sample.predictions.data + static_cast<size_t>(row) * columns;
  return static_cast<int32_t>(decide_class(std::span(first, columns), sample.threshold));
}

ClassCounts count_classes(const Sample& sample) {
  const auto classes = static_cast<size_t>(sample.predictions.columns);
  ClassCounts counts{std::vector<double>(classes), std::vector<double>(classes),
                     std::vector<double>(classes)};
  for (int64_t row = 0; row < sample.predictions.rows; ++row) {
    const double weight = sample.weight(row);
    const auto truth = static_cast<size_t>(sample.label(row));
    const auto predicted = static_cast<size_t>(top_class(sample, row));
    counts.truth[truth] += weight;
    counts.predicted[predicted] += weight;
    if (truth == predicted) counts.hit[truth] += weight;
  }
  return counts;
}

// 0 where there is nothing to divide by.
double ratio(double a, double b) { return b > 0 ? a / b : 0; }

}  // namespace

double decided_accuracy(const DecisionCounts& counts) {
  return ratio(counts.hits + (counts.negatives - counts.alarms),
               counts.positives + counts.negatives);
}

double decided_balanced_accuracy(const DecisionCounts& counts) {
  const double found = ratio(counts.hits, counts.positives);
  const double spared = ratio(counts.negatives - counts.alarms, counts.negatives);
  const int present = (counts.positives > 0 ? 1 : 0) + (counts.negatives > 0 ? 1 : 0);
  return ratio(found + spared, present);
}

double decided_f1(const DecisionCounts& counts) {
  return ratio(2 * counts.hits, counts.hits + counts.alarms + counts.positives);
}

Result<double> log_loss(const Sample& sample) {
  constexpr double kSmallest = 1e-15;
  LaneSum sum;
  for (int64_t row = 0; row < sample.predictions.rows; ++row) {
    const double p = sample.predicted(row, sample.label(row));
    sum.add(row, -sample.weight(row) * portable_log(std::clamp(p, kSmallest, 1.0)));
  }
  return sum.total() / sample.total_weight;
}

Result<double> accuracy(const Sample& sample) {
  LaneSum sum;
  for (int64_t row = 0; row < sample.predictions.rows; ++row) {
    if (top_class(sample, row) == sample.label(row)) sum.add(row, sample.weight(row));
  }
  return sum.total() / sample.total_weight;
}

Result<double> balanced_accuracy(const Sample& sample) {
  const ClassCounts counts = count_classes(sample);
  double sum = 0;
  int64_t present = 0;
  for (size_t c = 0; c < counts.truth.size(); ++c) {
    if (counts.truth[c] <= 0) continue;
    sum += counts.hit[c] / counts.truth[c];
    ++present;
  }
  return sum / static_cast<double>(present);
}

Result<double> f1(const Sample& sample) {
  const ClassCounts counts = count_classes(sample);
  const bool binary = counts.truth.size() == 2;
  double sum = 0;
  int64_t used = 0;
  for (size_t c = binary ? 1 : 0; c < counts.truth.size(); ++c) {
    // 2 TP + FP + FN = all of the class + all predicted as it.
    const double both = counts.truth[c] + counts.predicted[c];
    if (both <= 0) continue;
    sum += 2 * counts.hit[c] / both;
    ++used;
  }
  if (used == 0) {
    return fail(StatusCode::kData, "f1 is undefined: no row is or is predicted positive");
  }
  return sum / static_cast<double>(used);
}

}  // namespace assay::automl::metrics
