// What the files of this room share: the table row of a metric, the checked sample that its
// function gets, and sums of fixed order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "automl/metrics/decision.h"
#include "automl/metrics/metric.h"
#include "kernels/base/status.h"

namespace assay::automl::metrics {

// Predictions and truth whose shapes, labels, values and weights were checked.
struct Sample {
  PredictionView predictions;
  TargetView targets;
  std::span<const float> weights;
  TargetScale frame;                  // of predicted values
  double threshold = kEvenThreshold;  // of two classes
  double total_weight = 0;

  double weight(int64_t row) const {
    return weights.empty() ? 1.0 : static_cast<double>(weights[static_cast<size_t>(row)]);
  }
  int32_t label(int64_t row) const { return targets.labels[static_cast<size_t>(row)]; }
  double value(int64_t row) const { return targets.values[static_cast<size_t>(row)]; }
  float predicted(int64_t row, int64_t column) const {
    return predictions.data[row * predictions.columns + column];
  }
  double predicted_value(int64_t row) const { return frame.value(double{predicted(row, 0)}); }
};

struct Definition {
  std::string_view name;
  std::array<std::string_view, 2> aliases;  // empty: none
  bool maximise;
  std::array<bool, 3> tasks;  // in the order of Task
  Result<double> (*score)(const Sample&);
  std::string_view help;
  bool ranks = false;
  Aim aim = {};
  // Of two classes, for metrics of decided classes: the score of such counts.
  double (*decided)(const DecisionCounts&) = nullptr;
};

// A sum over rows in 8 lanes joined in order: the same bits however it is compiled, and eight
// times less rounding than one accumulator.
class LaneSum {
 public:
  void add(int64_t row, double x) { lanes_[static_cast<size_t>(row) & 7] += x; }
  double total() const {
    double sum = 0;
    for (const double lane : lanes_) sum += lane;
    return sum;
  }

 private:
  std::array<double, 8> lanes_{};
};

// Natural logarithm of a positive normal number, within 2 units in the last place, from basic
// operations only: the C library's differs between processors, this does not.
double portable_log(double x);

Result<double> roc_auc(const Sample& sample);
Result<double> average_precision(const Sample& sample);
Result<double> log_loss(const Sample& sample);
Result<double> accuracy(const Sample& sample);
Result<double> balanced_accuracy(const Sample& sample);
Result<double> f1(const Sample& sample);
double decided_accuracy(const DecisionCounts& counts);
double decided_balanced_accuracy(const DecisionCounts& counts);
double decided_f1(const DecisionCounts& counts);
Result<double> rmse(const Sample& sample);
Result<double> mse(const Sample& sample);
Result<double> mae(const Sample& sample);
Result<double> r2(const Sample& sample);
Result<double> mape(const Sample& sample);
Result<double> poisson_deviance(const Sample& sample);
// Of the quantile kPercent / 100: 5, 10, 25, 75, 90, 95.
template <int kPercent>
Result<double> pinball(const Sample& sample);
// Over the first `cut` ranks (query_gain.h), the mean over queries weighted by the mean weight of
// their rows; queries without a relevant row do not count.
Result<double> ndcg_to(const Sample& sample, double cut);

}  // namespace assay::automl::metrics
