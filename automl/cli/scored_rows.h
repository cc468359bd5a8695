// The rows of a table that have the target, with their predictions: what score and explain read.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "automl/cli/prediction_stream.h"
#include "automl/metrics/metric.h"
#include "automl/preprocess/predictor.h"

namespace assay::automl::cli {

// Class numbers of the labels as a test file spells them: as trained, or the same number in another
// spelling ("1.0" for "1"), or the same word in other case ("TRUE" for "true").
class LabelIndex {
 public:
  explicit LabelIndex(const std::vector<std::string>& labels);
  // Fails: data with the nearest label.
  Result<int32_t> find(const std::string& text) const;

 private:
  const std::vector<std::string>& labels_;
  std::map<std::string, int32_t> exact_;
  std::map<std::string, int32_t> lower_;
  std::map<double, int32_t> numbers_;
};

class ScoredRows {
 public:
  // For such a metric. `predictor` must outlive it.
  // Fails: invalid_argument if the metric wants queries and the model was not trained with any.
  static Result<ScoredRows> make(const Predictor& predictor, const Metric& metric);

  // The extra columns that blocks must have behind the model's own.
  std::vector<datasets::ColumnSpec> extra_columns() const;
  // Fails: data, naming the place, for a class that was not there in training.
  Status add(const PredictedBlock& block);

  TargetView targets() const { return {labels_, values_, queries_}; }
  std::span<const float> predictions() const { return predictions_; }
  // Rows of the last block that have the target, ascending.
  std::span<const uint32_t> block_rows() const { return block_rows_; }
  int64_t missing() const { return missing_; }  // rows left out

 private:
  explicit ScoredRows(const Predictor& predictor)
      : predictor_(&predictor), index_(predictor.labels()) {}
  void add_query(const datasets::Column& column, size_t row);

  const Predictor* predictor_;
  LabelIndex index_;
  std::string query_column_;  // empty: none is wanted
  std::vector<float> predictions_;
  std::vector<int32_t> labels_;
  std::vector<double> values_;
  std::vector<int32_t> queries_;
  std::unordered_map<std::string, int32_t> query_numbers_;
  std::vector<uint32_t> block_rows_;
  int64_t missing_ = 0;
};

// The metric named, or else the one that the model was chosen by; classes are decided as the model
// decides them.
// Fails: invalid_argument for one that is not for the model's task.
Result<Metric> metric_of(const Predictor& predictor, const std::string& wanted);

}  // namespace assay::automl::cli
