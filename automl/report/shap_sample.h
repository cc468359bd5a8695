// Contributions of columns to a model's predictions on a sample of rows: what a summary of Shapley
// values is drawn from.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "automl/preprocess/predictor.h"
#include "kernels/base/clock.h"
#include "kernels/kernel_set.h"

namespace assay::automl {

struct ShapRequest {
  const Predictor* predictor = nullptr;
  std::shared_ptr<const datasets::Table> table;  // as it was read for training
  int64_t rows = 0;                              // at most, evenly spread over the table
  // No more rows are begun after this time on `clock`; at least one batch is explained.
  const Clock* clock = nullptr;
  int64_t deadline_ns = kNoDeadline;
};

struct ShapSample {
  std::vector<std::string> columns;  // those that the model reads
  int64_t rows = 0;                  // that were explained
  std::string output;                // what contributions add up to: "probability of class 'yes'"
  // [rows, columns] row-major, for that output (of several classes the one predicted most).
  std::vector<double> contributions;
  // [rows, columns]: the place of the row's value among all, 0..1; NaN where it is missing or a
  // category.
  std::vector<double> places;
  // [columns]: the mean size of contributions over rows and outputs.
  std::vector<double> importance;
};

// Fails: as FeatureEncoder::encode and Model::explain.
Result<ShapSample> shap_sample(const ShapRequest& request, const kernels::ComputeContext& context);

// The rows of a table at `rows`, in that order.
Result<std::shared_ptr<const datasets::Table>> table_rows(const datasets::Table& table,
                                                          const std::vector<size_t>& rows);

}  // namespace assay::automl
