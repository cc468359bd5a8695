#include "automl/metrics/metric.h"

#include <fmt/ranges.h>

#include <cmath>
#include <string>
#include <vector>

#include "automl/metrics/metric_internal.h"
#include "kernels/base/names.h"

namespace assay::automl {
namespace {

using metrics::Definition;
using metrics::Sample;

constexpr std::array<bool, 3> kClassification = {true, true, false};
constexpr std::array<bool, 3> kRegression = {false, false, true};

template <int kRanks>
Result<double> ndcg(const Sample& sample) {
  return metrics::ndcg_to(sample, kRanks == 0 ? kAllRanks : kRanks);
}

// One row a metric; everything that is said of a metric comes from here.
constexpr std::array<Definition, 21> kDefinitions = {{
    {"roc_auc",
     {"auc"},
     true,
     kClassification,
     metrics::roc_auc,
     "Area under the ROC curve: the chance that a positive row scores above a negative one, ties "
     "counting half. Multiclass: the mean over classes, each against the rest.",
     true},
    {"log_loss",
     {"logloss"},
     false,
     kClassification,
     metrics::log_loss,
     "Mean of -ln p(true class), with p cut at 1e-15."},
    {"accuracy",
     {"acc"},
     true,
     kClassification,
     metrics::accuracy,
     "Share of rows whose most probable class is the true one.",
     false,
     {},
     metrics::decided_accuracy},
    {"balanced_accuracy",
     {"bacc"},
     true,
     kClassification,
     metrics::balanced_accuracy,
     "Mean over the classes present of the share of their rows that are predicted right.",
     false,
     {},
     metrics::decided_balanced_accuracy},
    {"f1",
     {},
     true,
     kClassification,
     metrics::f1,
     "2 TP / (2 TP + FP + FN) of the positive class. Multiclass: the mean over the classes that "
     "are present or predicted.",
     false,
     {},
     metrics::decided_f1},
    {"average_precision",
     {"ap"},
     true,
     kClassification,
     metrics::average_precision,
     "Sum over thresholds of (recall gained) x (precision there). Multiclass: the mean over the "
     "classes present, each against the rest.",
     true},
    {"rmse", {}, false, kRegression, metrics::rmse, "Square root of the mean squared error."},
    {"mse", {}, false, kRegression, metrics::mse, "Mean squared error."},
    {"mae",
     {},
     false,
     kRegression,
     metrics::mae,
     "Mean absolute error.",
     false,
     {AimKind::kQuantile}},
    {"r2",
     {},
     true,
     kRegression,
     metrics::r2,
     "1 - (squared error) / (squared error of the mean): 1 is perfect, 0 no better than the mean."},
    {"mape",
     {},
     false,
     kRegression,
     metrics::mape,
     "Mean of |error| / |target|, as a fraction; no target may be 0.",
     false,
     {AimKind::kRelative}},
    {"poisson_deviance",
     {},
     false,
     kRegression,
     metrics::poisson_deviance,
     "Mean of 2 (t ln(t / p) - t + p), for targets t >= 0; a prediction p below 1e-15 counts as "
     "that.",
     false,
     {AimKind::kCount}},
    {"pinball_05",
     {},
     false,
     kRegression,
     metrics::pinball<5>,
     "Mean pinball loss of the 5 % quantile: errors e = target - prediction cost 0.05 e above, "
     "0.95 |e| below.",
     false,
     {AimKind::kQuantile, 0.05}},
    {"pinball_10",
     {},
     false,
     kRegression,
     metrics::pinball<10>,
     "Mean pinball loss of the 10 % quantile: errors e = target - prediction cost 0.1 e above, "
     "0.9 |e| below.",
     false,
     {AimKind::kQuantile, 0.10}},
    {"pinball_25",
     {},
     false,
     kRegression,
     metrics::pinball<25>,
     "Mean pinball loss of the 25 % quantile: errors e = target - prediction cost 0.25 e above, "
     "0.75 |e| below.",
     false,
     {AimKind::kQuantile, 0.25}},
    {"pinball_75",
     {},
     false,
     kRegression,
     metrics::pinball<75>,
     "Mean pinball loss of the 75 % quantile: errors e = target - prediction cost 0.75 e above, "
     "0.25 |e| below.",
     false,
     {AimKind::kQuantile, 0.75}},
    {"pinball_90",
     {},
     false,
     kRegression,
     metrics::pinball<90>,
     "Mean pinball loss of the 90 % quantile: errors e = target - prediction cost 0.9 e above, "
     "0.1 |e| below.",
     false,
     {AimKind::kQuantile, 0.90}},
    {"pinball_95",
     {},
     false,
     kRegression,
     metrics::pinball<95>,
     "Mean pinball loss of the 95 % quantile: errors e = target - prediction cost 0.95 e above, "
     "0.05 |e| below.",
     false,
     {AimKind::kQuantile, 0.95}},
    {"ndcg",
     {},
     true,
     kRegression,
     ndcg<0>,
     "Rankings: of each query (data.group) the sum of (2^relevance - 1) / log2(rank + 1) in order "
     "of the predictions over that in the best order, equal predictions sharing their ranks; the "
     "mean over the queries that have a relevance above 0.",
     true,
     {AimKind::kRanking, kAllRanks}},
    {"ndcg_5",
     {"ndcg@5"},
     true,
     kRegression,
     ndcg<5>,
     "Rankings: ndcg of the first 5 ranks.",
     true,
     {AimKind::kRanking, 5}},
    {"ndcg_10",
     {"ndcg@10"},
     true,
     kRegression,
     ndcg<10>,
     "Rankings: ndcg of the first 10 ranks.",
     true,
     {AimKind::kRanking, 10}},
}};

const Definition* find_definition(std::string_view name) {
  const std::string wanted = lower_case(name);
  for (const Definition& definition : kDefinitions) {
    if (definition.name == wanted) return &definition;
    for (const std::string_view alias : definition.aliases) {
      if (!alias.empty() && alias == wanted) return &definition;
    }
  }
  return nullptr;
}

std::vector<std::string_view> names_where(bool (*keep)(const Definition&)) {
  std::vector<std::string_view> names;
  for (const Definition& definition : kDefinitions) {
    if (keep(definition)) names.push_back(definition.name);
  }
  return names;
}

std::vector<std::string_view> all_choices() {
  std::vector<std::string_view> choices = {"auto"};
  for (const Definition& definition : kDefinitions) choices.push_back(definition.name);
  for (const Definition& definition : kDefinitions) {
    for (const std::string_view alias : definition.aliases) {
      if (!alias.empty()) choices.push_back(alias);
    }
  }
  return choices;
}

Status check_labels(const Sample& sample) {
  const PredictionView& predictions = sample.predictions;
  for (int64_t row = 0; row < predictions.rows; ++row) {
    if (sample.label(row) < 0 || sample.label(row) >= predictions.columns) {
      return fail(StatusCode::kInvalidArgument, "label {} of row {} (must be in [0, {}))",
                  sample.label(row), row, predictions.columns);
    }
    for (int64_t column = 0; column < predictions.columns; ++column) {
      const float p = sample.predicted(row, column);
      // Sums of rounded f32 may pass 1 a little. NaN fails this too.
      if (!(p >= 0 && p <= 1.001F)) {
        return fail(StatusCode::kData, "predicted probability {} in row {} (must be in [0, 1])", p,
                    row);
      }
    }
  }
  return {};
}

Status check_values(const Sample& sample) {
  for (int64_t row = 0; row < sample.predictions.rows; ++row) {
    if (!std::isfinite(sample.value(row)) || !std::isfinite(sample.predicted_value(row))) {
      return fail(StatusCode::kData, "row {} has target {} and prediction {} (must be finite)", row,
                  sample.value(row), sample.predicted_value(row));
    }
  }
  return {};
}

Result<double> sum_weights(int64_t rows, std::span<const float> weights) {
  if (weights.empty()) return static_cast<double>(rows);
  metrics::LaneSum sum;
  for (int64_t row = 0; row < rows; ++row) {
    const float weight = weights[static_cast<size_t>(row)];
    if (!(weight >= 0) || std::isinf(weight)) {
      return fail(StatusCode::kData, "weight {} of row {} (must be finite and >= 0)", weight, row);
    }
    sum.add(row, weight);
  }
  if (!(sum.total() > 0)) return fail(StatusCode::kData, "all weights are 0");
  return sum.total();
}

Result<Sample> checked_sample(const Sample& unchecked, bool classification) {
  const auto& [predictions, targets, weights, frame, threshold, unknown] = unchecked;
  const auto target_rows =
      static_cast<int64_t>(classification ? targets.labels.size() : targets.values.size());
  if (predictions.rows < 0 || predictions.columns < 0) {
    return fail(StatusCode::kInvalidArgument, "predictions have {} rows and {} columns",
                predictions.rows, predictions.columns);
  }
  if (predictions.rows == 0 && target_rows == 0)
    return fail(StatusCode::kData, "there is no row to score");
  if (target_rows != predictions.rows ||
      (!weights.empty() && static_cast<int64_t>(weights.size()) != predictions.rows)) {
    return fail(StatusCode::kInvalidArgument, "{} predictions for {} targets and {} weights",
                predictions.rows, target_rows, weights.size());
  }
  if (classification ? predictions.columns < 2 : predictions.columns != 1) {
    return fail(StatusCode::kInvalidArgument, "predictions have {} columns (must be {})",
                predictions.columns, classification ? "one a class, at least 2" : "1");
  }
  Sample sample = unchecked;
  ASSAY_RETURN_IF_ERROR(classification ? check_labels(sample) : check_values(sample));
  ASSAY_ASSIGN_OR_RETURN(sample.total_weight, sum_weights(predictions.rows, weights));
  return sample;
}

}  // namespace

Result<Metric> Metric::find(std::string_view name) {
  if (const Definition* definition = find_definition(name)) return Metric(definition);
  return fail(StatusCode::kInvalidArgument, "unknown metric '{}'{}", name,
              name_hint(name, metric_names()));
}

Result<Metric> Metric::find(std::string_view name, Task task) {
  if (lower_case(name) == "auto") return default_for(task);
  ASSAY_ASSIGN_OR_RETURN(const Metric metric, find(name));
  if (metric.applies_to(task)) return metric;
  return fail(StatusCode::kInvalidArgument, "metric '{}' does not apply to {} (must be one of {})",
              name, name_of(task), fmt::join(metric_names(task), ", "));
}

Metric Metric::default_for(Task task) {
  switch (task) {
    case Task::kBinary:
      return Metric(find_definition("roc_auc"));
    case Task::kMulticlass:
      return Metric(find_definition("log_loss"));
    case Task::kRegression:
      break;
  }
  return Metric(find_definition("rmse"));
}

std::string_view Metric::name() const { return definition_->name; }
std::string_view Metric::help() const { return definition_->help; }
bool Metric::maximise() const { return definition_->maximise; }

bool Metric::ranks() const { return definition_->ranks; }
Aim Metric::aim() const { return definition_->aim; }
bool Metric::decides() const { return definition_->decided != nullptr; }

Metric Metric::at(double threshold) const {
  Metric metric = *this;
  metric.threshold_ = threshold;
  return metric;
}

double Metric::decided_score(const DecisionCounts& counts) const {
  return definition_->decided(counts);
}

bool Metric::applies_to(Task task) const { return definition_->tasks[static_cast<size_t>(task)]; }

Metric Metric::in(const TargetScale& frame) const {
  Metric metric = *this;
  metric.frame_ = frame;
  return metric;
}

Result<double> Metric::score(PredictionView predictions, TargetView targets,
                             std::span<const float> weights) const {
  const bool classification = applies_to(Task::kBinary);
  const bool fits = classification ? targets.values.empty() : targets.labels.empty();
  if (!fits) {
    return fail(StatusCode::kInvalidArgument, "{} wants {} as targets", name(),
                classification ? "labels, no values" : "values, no labels");
  }
  if (wants_queries() && targets.queries.size() != targets.values.size()) {
    return fail(StatusCode::kInvalidArgument, "{} wants the query of each row: {} of {} are known",
                name(), targets.queries.size(), targets.values.size());
  }
  ASSAY_ASSIGN_OR_RETURN(
      const Sample sample,
      checked_sample({predictions, targets, weights, frame_, threshold_}, classification));
  ASSAY_ASSIGN_OR_RETURN(const double score, definition_->score(sample));
  if (!std::isfinite(score)) {
    return fail(StatusCode::kData, "{} overflows: the errors are too large", name());
  }
  return score;
}

double Metric::loss_of(double score) const { return maximise() ? 1.0 - score : score; }

bool Metric::is_better(double a, double b) const { return maximise() ? a > b : a < b; }

std::span<const std::string_view> metric_names() {
  static const std::vector<std::string_view> names =
      names_where([](const Definition&) { return true; });
  return names;
}

std::span<const std::string_view> metric_names(Task task) {
  static const std::vector<std::string_view> classification =
      names_where([](const Definition& d) { return d.tasks[0]; });
  static const std::vector<std::string_view> regression =
      names_where([](const Definition& d) { return d.tasks[2]; });
  return is_classification(task) ? classification : regression;
}

std::span<const std::string_view> metric_choices() {
  static const std::vector<std::string_view> choices = all_choices();
  return choices;
}

}  // namespace assay::automl
