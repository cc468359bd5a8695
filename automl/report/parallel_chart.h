// Parallel coordinates (Inselberg 1985): the trials of a learner as lines over an axis for each
// hyper-parameter, the better the stronger. Pure.
#pragma once

#include "automl/report/plot.h"
#include "automl/report/trial_params.h"

namespace assay::automl {

// At most so many axes (the most important first, by param_importance) and lines (the best, and an
// even choice of the others); what is left out is said.
inline constexpr size_t kParallelAxes = 9;
inline constexpr size_t kParallelLines = 300;

// With one number that varied, scores over its values. Without a picture if there are fewer than 3
// trials or no parameter varied.
Figure parallel_figure(const LearnerTrials& trials, const std::string& metric);

}  // namespace assay::automl
