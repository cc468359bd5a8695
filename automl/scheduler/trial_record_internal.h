// The words that a trial's record is written and read by.
#pragma once

#include <array>
#include <string_view>

#include "automl/search/trial_spec.h"

namespace assay::automl {

// The table of a trial's run with what only a search that goes on wants to know: text `what`, i64
// `step` (of rungs), f64 `value`.
inline constexpr std::string_view kOutcomeTable = "outcome";
inline constexpr std::string_view kKernelTable = "kernels";
// In the order of Rung::Ladder.
inline constexpr std::array<std::string_view, kLadders> kLadderNames = {
    "folds", "rounds", "single_fold", "partitions", "rows"};
// The message of a trial whose fits the user's stop cut short.
inline constexpr std::string_view kCutByStop = "fits were cut short by the stop";

}  // namespace assay::automl
