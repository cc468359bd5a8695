// Metrics: how good predictions are, as one number. All take sample weights, are computed in
// double by serial loops of fixed order (the same bits on every machine and thread count; log is
// ours, not the C library's), and treat ties exactly. Formulas are in metric.cc's table and files.
//
// Predictions of classification are class probabilities [rows, classes], binary ones too (two
// columns, class 1 is the positive one); the predicted class is the most probable, the lowest one
// among equals. Predictions of regression are values [rows, 1]. Rankings are regression whose
// targets are relevances and whose predicted values count by their order among a query's rows.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "automl/metrics/aim.h"
#include "automl/metrics/target_scale.h"
#include "automl/metrics/task.h"
#include "kernels/base/status.h"

namespace assay::automl {

// Not owned: predictions [rows, columns] row-major.
struct PredictionView {
  const float* data = nullptr;
  int64_t rows = 0;
  int64_t columns = 0;
};

// Not owned: the truth for each row. Classification has `labels`, class numbers in
// [0, columns of the predictions); regression has `values`. The other is empty.
struct TargetView {
  std::span<const int32_t> labels = {};
  std::span<const double> values = {};
  // The query that a row answers, a number >= 0: what metrics of rankings read. Empty: not known.
  std::span<const int32_t> queries = {};
};

struct DecisionCounts;

namespace metrics {
struct Definition;
}

// A metric, found by name. A cheap value; thread-safe.
class Metric {
 public:
  // By name or alias (auc, logloss, acc, ...), compared in lower case.
  // Fails: invalid_argument with the nearest name.
  static Result<Metric> find(std::string_view name);
  // The same, and it must apply to `task`; "auto" gives the task's default: binary roc_auc,
  // multiclass log_loss, regression rmse.
  // Fails: invalid_argument; the message lists the metrics of the task.
  static Result<Metric> find(std::string_view name, Task task);
  static Metric default_for(Task task);

  // The field's name: "roc_auc".
  std::string_view name() const;
  // One sentence with the formula, for documentation.
  std::string_view help() const;
  // True if a larger score is better.
  bool maximise() const;
  bool applies_to(Task task) const;
  // True if a row's prediction counts only by its place among the others': see part_score.h.
  bool ranks() const;
  // True if classes count as they are decided, so that of two classes the threshold matters
  // (decision.h); all are to maximise.
  bool decides() const;
  // The same metric with another threshold than 0.5 in (0, 1) for two classes. No difference for
  // other tasks, or if it does not decide.
  Metric at(double threshold) const;
  // The score of two classes decided so, if decides(); 0 where it is undefined.
  double decided_score(const DecisionCounts& counts) const;
  // What predictions should be of the targets' distribution.
  Aim aim() const;
  // True for metrics of rankings, which want TargetView::queries.
  bool wants_queries() const { return aim().kind == AimKind::kRanking; }
  // The same metric for predicted values that are numbers of `frame`, as a sweep keeps them; its
  // scores are those of the values themselves. No difference for classification.
  Metric in(const TargetScale& frame) const;
  const TargetScale& frame() const { return frame_; }

  // The score of predictions. `weights` are >= 0 and finite, empty for all 1; their scale does
  // not matter. O(rows * columns), and O(rows log rows) per class for roc_auc and
  // average_precision.
  // Fails: invalid_argument if shapes do not fit, a label is outside or queries are wanting; data
  // if there is no row, no weight, a prediction or target is not finite, or the metric is undefined
  // (roc_auc with one class present, r2 of a constant target, mape with a zero target, ndcg without
  // a relevant row): never NaN.
  Result<double> score(PredictionView predictions, TargetView targets,
                       std::span<const float> weights = {}) const;

  // Lower is better: the score itself, or 1 - score for the metrics to maximise (whose best is 1).
  double loss_of(double score) const;
  // Whether score `a` is better than `b`.
  bool is_better(double a, double b) const;

 private:
  explicit Metric(const metrics::Definition* definition) : definition_(definition) {}
  const metrics::Definition* definition_;
  TargetScale frame_;
  double threshold_ = 0.5;
};

// Names of all metrics, or of those for a task, in the order of the documentation.
std::span<const std::string_view> metric_names();
std::span<const std::string_view> metric_names(Task task);
// Names and aliases, "auto" first: what a config accepts.
std::span<const std::string_view> metric_choices();

}  // namespace assay::automl
