// Rows in the order of their shares: from the highest threshold, which decides for no row, down to
// the lowest, each step takes the rows of one share over to the positive side.
//
// Example, f1, shares 0.1 0.2 0.3 of classes - + +: above 0.3 nothing is found (0); above 0.25 one
// of two (2/3); above 0.15 both (1); above 0.05 a false one, too (0.8). The threshold is 0.15.
#include "automl/metrics/decision.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

namespace assay::automl {
namespace {

// Scores that differ less are equal.
constexpr double kSameScore = 1e-12;

struct OrderedRow {
  double share = 0;
  double weight = 0;
  int32_t part = 0;
  bool positive = false;
};

void count(const OrderedRow& row, bool decided, DecisionCounts& counts) {
  (row.positive ? counts.positives : counts.negatives) += row.weight;
  if (decided) (row.positive ? counts.hits : counts.alarms) += row.weight;
}

// Highest share first; equal ones in the order of the rows.
std::vector<OrderedRow> ordered_rows(PredictionView predictions, TargetView targets,
                                     std::span<const float> weights,
                                     std::span<const int32_t> parts) {
  std::vector<OrderedRow> rows(static_cast<size_t>(predictions.rows));
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i] = {positive_share(predictions.data[2 * i], predictions.data[2 * i + 1]),
               weights.empty() ? 1.0 : double{weights[i]}, parts.empty() ? 0 : parts[i],
               targets.labels[i] == 1};
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const OrderedRow& a, const OrderedRow& b) { return a.share > b.share; });
  return rows;
}

// The best of the thresholds offered, one after the other, from the highest.
class BestThreshold {
 public:
  explicit BestThreshold(const Metric& metric) : metric_(metric) {}
  // All shares above `high` are decided positive, those up to `low` negative: [low, high).
  void offer(double low, double high, const DecisionCounts& counts) {
    const double score = metric_.decided_score(counts);
    const bool even = low <= kEvenThreshold && kEvenThreshold < high;
    const double middle = even ? kEvenThreshold : low + 0.5 * (high - low);
    const double threshold = middle < high ? middle : low;
    if (!(threshold > 0 && threshold < 1)) return;
    const double distance = std::abs(threshold - kEvenThreshold);
    if (score > score_ + kSameScore || (score > score_ - kSameScore && distance < distance_)) {
      score_ = score;
      distance_ = distance;
      threshold_ = threshold;
    }
  }
  double threshold() const { return threshold_; }

 private:
  const Metric& metric_;
  double threshold_ = kEvenThreshold;
  double score_ = -1;
  double distance_ = 1;
};

// Of the rows whose part is not `left_out`.
double threshold_of(const Metric& metric, std::span<const OrderedRow> rows, int32_t left_out) {
  DecisionCounts counts;
  for (const OrderedRow& row : rows) {
    if (row.part != left_out) count(row, false, counts);
  }
  if (!(counts.positives > 0) || !(counts.negatives > 0)) return kEvenThreshold;
  BestThreshold best(metric);
  double above = 1;
  for (const OrderedRow& row : rows) {
    if (row.part == left_out || row.weight == 0) continue;
    if (row.share < above) best.offer(row.share, above, counts);
    above = row.share;
    (row.positive ? counts.hits : counts.alarms) += row.weight;
  }
  best.offer(0, above, counts);
  return best.threshold();
}

std::vector<int32_t> made_up_parts(TargetView targets) {
  std::vector<int32_t> parts(targets.labels.size());
  std::array<int32_t, 2> seen = {0, 0};
  for (size_t i = 0; i < parts.size(); ++i) {
    parts[i] = seen[targets.labels[i] == 1 ? 1 : 0]++ % kDecisionParts;
  }
  return parts;
}

constexpr int32_t kNoPart = -1;

}  // namespace

Result<double> best_threshold(const Metric& metric, PredictionView predictions, TargetView targets,
                              std::span<const float> weights) {
  // For what it checks.
  ASSAY_RETURN_IF_ERROR(metric.score(predictions, targets, weights));
  return threshold_of(metric, ordered_rows(predictions, targets, weights, {}), kNoPart);
}

Result<double> cross_decided_score(const Metric& metric, PredictionView predictions,
                                   TargetView targets, std::span<const float> weights,
                                   std::span<const int32_t> parts) {
  ASSAY_RETURN_IF_ERROR(metric.score(predictions, targets, weights));
  std::vector<int32_t> own;
  const auto others = [&](int32_t part) { return part != parts[0]; };
  if (parts.empty() || std::none_of(parts.begin(), parts.end(), others)) {
    own = made_up_parts(targets);
    parts = own;
  }
  if (parts.size() != targets.labels.size()) {
    return fail(StatusCode::kInvalidArgument, "{} rows of predictions, but parts of {}",
                predictions.rows, parts.size());
  }
  const std::vector<OrderedRow> rows = ordered_rows(predictions, targets, weights, parts);
  std::vector<double> thresholds(
      static_cast<size_t>(*std::max_element(parts.begin(), parts.end())) + 1);
  for (size_t part = 0; part < thresholds.size(); ++part) {
    thresholds[part] = threshold_of(metric, rows, static_cast<int32_t>(part));
  }
  DecisionCounts counts;
  for (const OrderedRow& row : rows) {
    count(row, row.share > thresholds[static_cast<size_t>(row.part)], counts);
  }
  return metric.decided_score(counts);
}

}  // namespace assay::automl
