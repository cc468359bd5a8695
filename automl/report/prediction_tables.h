// What pictures of out-of-fold predictions show, as tables for readers of text. Pure.
#pragma once

#include <span>

#include "automl/report/class_charts.h"
#include "automl/report/html_page.h"
#include "automl/report/value_charts.h"

namespace assay::automl {

// Of each class its rows, the areas below ROC and precision by recall, and the calibration error
// over so many bins as the picture has; "-" where a curve needs rows that there are not.
HtmlTable class_table(std::span<const NamedScores> classes);

// Smallest, quantiles, greatest and mean of truth, predictions and residuals (true minus
// predicted). At least one pair.
HtmlTable residual_table(const ValuePairs& pairs);

}  // namespace assay::automl
