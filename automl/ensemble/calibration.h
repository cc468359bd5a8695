// Whether class probabilities are not what they should be, from predictions of rows that their
// models did not see: the calibrator (models/calibrated_model.h) with the least log loss. Averages
// of many trees, and boosting that was cut short, are too flat; the best of many settings is often
// too sharp. A calibrator is kept only where a held-out check approves it: fitted on each half of
// the rows, it must lower the log loss of the other, of both of them. Where rows have a time it is
// fitted on the earlier half alone, for the later. Of several the one is kept that has the least
// log loss there.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "automl/metrics/metric.h"
#include "automl/models/calibrated_model.h"
#include "kernels/base/clock.h"
#include "kernels/base/status.h"

namespace assay::automl {

struct CalibrationProblem {
  PredictionView predictions;  // probabilities
  std::span<const int32_t> labels = {};
  std::span<const float> weights = {};   // or empty: all 1
  std::span<const uint8_t> halves = {};  // 0 or 1 a row (ensemble/cross_selection.h)
  bool in_time = false;                  // half 1 is the later one
  // What is tried; those that the rows or classes do not suffice for are left out.
  std::vector<Calibrator::Kind> kinds = {Calibrator::Kind::kPower};
};

struct Calibration {
  Calibrator calibrator;  // one that changes nothing: none was approved
  // Fitted on each half, for the other; in time on half 0, and the other changes nothing.
  std::array<Calibrator, 2> by_half;
  // Mean log loss of all rows, in time of the later ones, as they are and with the calibrator of
  // the other half; with several kinds that of the best.
  double loss_before = 0;
  double loss_held_out = 0;
};

// At most about this many probabilities are looked at; of more rows every n-th of each half.
inline constexpr int64_t kCalibrationCells = 60'000;
// Fewer rows in a half say too little: of a power, of shifts, of a curve.
inline constexpr int64_t kFewestCalibrationRows = 50;
inline constexpr int64_t kFewestShiftRows = 100;
inline constexpr int64_t kFewestCurveRows = 500;
// More classes would take too many shifts, or curves with too few rows.
inline constexpr int64_t kMostShiftClasses = 16;
inline constexpr int64_t kMostCurveClasses = 16;

// The same bits on any machine. Fails: invalid_argument if the arrays do not fit together; data for
// too few rows; cancelled.
Result<Calibration> calibrate(const CalibrationProblem& problem, const StopToken& stop);

// The rising curve with the least weighted squared error of `truths` (0 or 1) at places `from`, by
// pooling adjacent violators: a point for each pool, at its mean place; ends are held off 0 and 1
// by half a row. Example: truths 0 1 0 1 at 0.1 0.2 0.3 0.4 give pools {0}, {1, 0}, {1}. Any order.
Calibrator::Curve rising_curve(std::span<const double> from, std::span<const double> truths,
                               std::span<const double> weights);

}  // namespace assay::automl
