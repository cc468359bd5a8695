// Which trials are fitted on other partitions of the rows into folds, too. Fitting all of them
// again would cost most of the settings that could have been tried; those that come out among the
// best are the ones that the ensemble is chosen from, and whose losses are flattered by having been
// the best on one partition. So it is the last step of halving: of the trials whose folds are done,
// the best 1/eta of those recorded so far go on, of any learner; and the best so far of its own
// learner, since models that differ add most to an ensemble. A constant does not.
//
// Example, eta 3, losses recorded 0.5 0.4 0.7 by gbt and 0.9 by linear: gbt with 0.45 ranks 2nd of
// 5 and ceil(5 / 3) = 2 go on, so it does; with 0.55 it ranks 3rd and does not; linear with 0.8
// does, as the best of its learner.
#pragma once

#include <cstdint>

#include "automl/search/history.h"
#include "automl/search/trial_spec.h"

namespace assay::automl {

// `value` is the trial's own, of Rung::Ladder::kPartitions; `history` holds the trials to compare
// with, among which it may be itself and is ignored. `eta` >= 2. Pure.
bool is_worth_repeating(const TrialResult& trial, const RungValue& value,
                        const HistoryView& history, int64_t eta);

}  // namespace assay::automl
