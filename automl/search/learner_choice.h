// Which learner the next trial is for, by the estimated cost for improvement of FLAML (Wang, Wu,
// Weimer, Zhu: "FLAML: A Fast and Lightweight AutoML Library", MLSys 2021) and the rank of its best
// loss.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "automl/search/search.h"

namespace assay::automl {

// Weights of the learners, 0 for those that `exhausted` names; not all may be exhausted.
std::vector<double> learner_weights(std::span<const SearchLearner> learners,
                                    const std::vector<bool>& exhausted, const HistoryView& history);

// Place of a learner drawn by weight; `place` in [0, 1).
size_t weighted_place(std::span<const double> weights, double place);

}  // namespace assay::automl
