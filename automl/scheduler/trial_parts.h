// The parts that trials and their checkpoints are made of. Plain values.
#pragma once

#include <cstdint>
#include <optional>

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

// A point of a learning curve: FitProgress::valid_loss.
struct CurvePoint {
  int fold = 0;
  int64_t step = 0;
  double loss = 0;
};

}  // namespace assay::automl
