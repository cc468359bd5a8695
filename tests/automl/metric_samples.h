// Samples that a few lines of numpy make too; the expected scores in the metric tests were computed
// from them with scikit-learn 1.x in double (roc_auc_score, average_precision_score, log_loss,
// accuracy_score, balanced_accuracy_score, f1_score, mean_squared_error, mean_absolute_error,
// r2_score, mean_absolute_percentage_error; multiclass ranking as the mean over classes one by
// one).
#pragma once

#include <cstdint>
#include <vector>

#include "automl/metrics/metric.h"

namespace assay::automl {

struct MetricSample {
  std::vector<float> predictions;
  std::vector<int32_t> labels;
  std::vector<double> values;
  std::vector<float> weights;
  int64_t columns = 1;

  PredictionView view() const {
    return {predictions.data(), static_cast<int64_t>(predictions.size()) / columns, columns};
  }
  TargetView targets() const { return {labels, values}; }
};

inline std::vector<float> sample_weights() {
  std::vector<float> weights;
  for (int i = 0; i < 1000; ++i) weights.push_back(static_cast<float>(1 + i * 31 % 5));
  return weights;
}

// 1000 rows with 97 distinct scores, so that there are many ties.
inline MetricSample binary_sample() {
  MetricSample sample;
  sample.columns = 2;
  sample.weights = sample_weights();
  for (int64_t i = 0; i < 1000; ++i) {
    const int64_t level = i * 7919 % 97;
    const float scaled = static_cast<float>(static_cast<double>(level) / 96.0) * 0.98F;
    const float p = scaled + 0.01F;
    sample.predictions.push_back(1.0F - p);
    sample.predictions.push_back(p);
    sample.labels.push_back(i * 104729 % 1009 < 300 + level * 4 ? 1 : 0);
  }
  return sample;
}

inline MetricSample multiclass_sample() {
  MetricSample sample;
  sample.columns = 4;
  sample.weights = sample_weights();
  for (int64_t i = 0; i < 1000; ++i) {
    int64_t raw[4];
    for (int64_t c = 0; c < 4; ++c) raw[c] = 1 + (i * (37 + c * 11) + c * c * 29) % 53;
    const int64_t label = (i * i * 3 + i / 3) % 4;
    raw[label] += i * 13 % 60;
    const auto total = static_cast<double>(raw[0] + raw[1] + raw[2] + raw[3]);
    for (const int64_t value : raw) {
      sample.predictions.push_back(static_cast<float>(static_cast<double>(value) / total));
    }
    sample.labels.push_back(static_cast<int32_t>(label));
  }
  return sample;
}

inline MetricSample regression_sample() {
  MetricSample sample;
  sample.weights = sample_weights();
  for (int64_t i = 0; i < 1000; ++i) {
    const double target = static_cast<double>(i * 7919 % 1013) / 10.0 - 30.05;
    const double error = static_cast<double>(i * 613 % 211 - 100) / 9.0;
    sample.values.push_back(target);
    sample.predictions.push_back(static_cast<float>(target + error));
  }
  return sample;
}

}  // namespace assay::automl
