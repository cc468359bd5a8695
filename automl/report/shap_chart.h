// The summary of Shapley values (Lundberg and Lee 2017): a line of dots for each column, a dot a
// row, placed by its contribution and coloured by its value. Pure.
#pragma once

#include "automl/report/plot.h"
#include "automl/report/shap_sample.h"

namespace assay::automl {

// The `limit` most important columns.
Figure shap_figure(const ShapSample& sample, size_t limit = 15);

}  // namespace assay::automl
