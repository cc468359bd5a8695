// The parts that trials and their checkpoints are made of. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace assay::automl {

struct FoldRecord {
  std::optional<double> score;  // empty where the metric is undefined on the fold alone
  double fit_seconds = 0;
  double predict_seconds = 0;
  int64_t iterations = 0;
  int64_t best_iteration = 0;  // that the model keeps
  bool truncated = false;
  std::optional<double> oob_loss;  // FitResult::oob_loss
};

// Out-of-bag predictions of folds, summed: [rows of the table, outputs], and of how many folds each
// row has one. Empty: of none.
struct OobSums {
  std::vector<double> values;
  std::vector<int32_t> counts;
};

// Their means, of the rows that have any.
struct OobPredictions {
  std::vector<uint32_t> rows;  // of the table, ascending
  std::vector<float> values;   // [rows, outputs], numbers of the data's frame
};

// A point of a learning curve: FitProgress::valid_loss.
struct CurvePoint {
  int fold = 0;
  int64_t step = 0;
  double loss = 0;
};

}  // namespace assay::automl
