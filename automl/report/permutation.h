// Permutation importance (Breiman 2001; Fisher, Rudin, Dominici 2019): how much worse a model's
// predictions become when a column's values are dealt out to other rows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "automl/metrics/metric.h"
#include "automl/preprocess/predictor.h"
#include "automl/preprocess/shuffled_table.h"

namespace assay::automl {

struct PermutationRequest {
  const Predictor* predictor = nullptr;
  ShuffledTable* table = nullptr;  // settled; as it was when the call returns
  TargetView targets;              // of all its rows
  const Metric* metric = nullptr;
  int64_t repeats = 5;  // >= 1
  uint64_t seed = 0;
};

struct ColumnImportance {
  std::string name;
  double mean = 0;       // of the repeats: what the metric's loss rises by
  double deviation = 0;  // standard deviation over the repeats
};

struct Permutation {
  double score = 0;                       // of the rows as they are
  std::vector<ColumnImportance> columns;  // the encoder's input columns, in its order
};

// Whether predictions of the model read the dense form of features, which the table then needs.
bool reads_dense(const Model& model);

// Predicts all rows 1 + columns * repeats times; all features of a column move together. The same
// on any number of threads.
// Fails: as Model::predict and Metric::score.
Result<Permutation> permutation_importance(const PermutationRequest& request,
                                           const kernels::ComputeContext& context);

}  // namespace assay::automl
