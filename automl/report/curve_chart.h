// Learning curves: the loss on validation rows over the rounds of boosted trials, a line for each
// fold. Pure.
#pragma once

#include <span>

#include "automl/report/plot.h"
#include "automl/report/report_data.h"

namespace assay::automl {

// The vertical axis leaves out the first tenth of the rounds where that would flatten the rest.
Figure learning_figure(std::span<const LearningCurve> curves);

}  // namespace assay::automl
