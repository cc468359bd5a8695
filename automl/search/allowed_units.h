// Keeping to limits of a model's latency and size: most settings of a learner make models that are
// far beyond a narrow limit, and a trial that breaks it is lost. So each that does tells how large
// a model of that learner may be, in units that can be told of a setting before it is tried. Pure.
#pragma once

#include "automl/learners/learner.h"
#include "automl/search/footprint_limits.h"
#include "automl/search/history.h"
#include "automl/search/search.h"

namespace assay::automl {

// The most units (Learner::model_units) that models of `learner` may have: of each trial of it that
// broke a limit, its units by the share of what the limit leaves beside what the baseline, trial 0,
// takes; a little less than the least of them, for costs are measured. Infinite where no trial
// broke a limit, 0 where the baseline itself does.
ModelUnits allowed_units(const SearchLearner& learner, const FootprintLimits& limits,
                         const HistoryView& history);

}  // namespace assay::automl
