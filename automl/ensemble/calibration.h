// Whether class probabilities are too sharp or too flat, from predictions of rows that their models
// did not see: the power (models/calibrated_model.h) with the least log loss. Averages of many
// trees, and boosting that was cut short, are too flat; the best of many settings is often too
// sharp. The power is kept only where a held-out check approves it: fitted on each half of the
// rows, it must lower the log loss of the other, of both of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "automl/metrics/metric.h"
#include "kernels/base/clock.h"
#include "kernels/base/status.h"

namespace assay::automl {

struct CalibrationProblem {
  PredictionView predictions;  // probabilities
  std::span<const int32_t> labels = {};
  std::span<const float> weights = {};   // or empty: all 1
  std::span<const uint8_t> halves = {};  // 0 or 1 a row (ensemble/cross_selection.h)
};

struct Calibration {
  double power = 1;  // 1: as they are
  // Mean log loss of all rows, as they are and with the power that the other half chose.
  double loss_before = 0;
  double loss_held_out = 0;
};

// At most about this many probabilities are looked at; of more rows every n-th of each half.
inline constexpr int64_t kCalibrationCells = 60'000;
// Fewer rows in a half say too little.
inline constexpr int64_t kFewestCalibrationRows = 50;

// The same bits on any machine. Fails: invalid_argument if the arrays do not fit together; data for
// too few rows; cancelled.
Result<Calibration> calibrate(const CalibrationProblem& problem, const StopToken& stop);

}  // namespace assay::automl
