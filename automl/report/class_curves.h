// What out-of-fold probabilities of a class are worth, threshold by threshold: ROC, precision and
// recall, calibration, and the confusion of classes. Rows count alike. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "automl/metrics/decision.h"
#include "automl/report/svg.h"

namespace assay::automl {

// Probabilities of one class, and which rows are of it; equally many.
struct ClassScores {
  std::vector<float> probabilities;
  std::vector<uint8_t> is_class;
  int64_t positives() const;
};

// Column `k` of probabilities [rows, classes] against the classes' numbers.
ClassScores scores_of_class(std::span<const float> probabilities, std::span<const int32_t> labels,
                            size_t classes, size_t k);

struct RateCurve {
  std::vector<SvgPoint> points;  // by rising x
  double area = 0;               // ROC: AUC; precision and recall: average precision
};

// (false positive rate, true positive rate) from (0, 0) to (1, 1); rows of equal probability come
// together, so that the area is the AUC with ties counted half. Empty without both kinds of rows.
RateCurve roc_curve(const ClassScores& scores);
// (recall, precision) at each distinct threshold; the area sums precision times the gain in recall.
// Empty without a positive row.
RateCurve precision_curve(const ClassScores& scores);
// At most about `limit` of the points, ends kept: those that move by 1 / limit or more.
std::vector<SvgPoint> thinned(std::span<const SvgPoint> points, size_t limit);

struct CalibrationBin {
  double mean = 0;  // of the probabilities
  double rate = 0;  // share of rows of the class
  int64_t rows = 0;
};

// Up to `bins` bins of about equally many rows, by rising probability; rows of equal probability
// stay together.
std::vector<CalibrationBin> calibration_bins(const ClassScores& scores, size_t bins);
// The mean over rows of |mean - rate| of their bins: the expected calibration error.
double calibration_error(std::span<const CalibrationBin> bins);

struct Confusion {
  std::vector<std::string> labels;
  std::vector<std::vector<int64_t>> counts;  // [true][predicted]
  bool has_others = false;                   // the last label stands for all smaller classes
  double accuracy = 0;                       // over all classes
  double threshold = kEvenThreshold;         // of two classes
};

// The predicted class is the most probable, the lowest among equals; of two classes by the
// threshold (metrics/decision.h). More than `limit` classes: the
// most frequent ones, and the others as one.
Confusion confusion_of(std::span<const float> probabilities, std::span<const int32_t> labels,
                       std::span<const std::string> names, size_t limit,
                       double threshold = kEvenThreshold);

}  // namespace assay::automl
