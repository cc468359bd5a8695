// Pictures of class_curves.h: ROC, precision against recall, calibration, and the confusion matrix
// as a table. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "automl/report/class_curves.h"
#include "automl/report/html_page.h"
#include "automl/report/plot.h"

namespace assay::automl {

// A class with its scores; a binary task has the positive one alone.
struct NamedScores {
  std::string name;
  ClassScores scores;
};

// Of calibration pictures and errors.
inline constexpr size_t kCalibrationBins = 10;

Figure roc_figure(std::span<const NamedScores> classes);
Figure precision_figure(std::span<const NamedScores> classes);
Figure calibration_figure(std::span<const NamedScores> classes);

// Rows are true classes; cells are shaded by their share of the row.
HtmlTable confusion_table(const Confusion& confusion);

}  // namespace assay::automl
