// How many steps (boosting rounds) each fold's model keeps. Early stopping picks the number that is
// best for the fold's own validation rows; scoring those rows with it would flatter the model, and
// the more so the fewer rows a fold has. So a fold keeps the median of what was best for the other
// folds. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace assay::automl {

// For each fold the median of the others' best steps (of an even number of folds the mean of the
// middle two, rounded up), at most what it has grown and at least 1. One fold keeps its own.
// `best` and `grown` have the same size.
std::vector<int64_t> steps_by_others(std::span<const int64_t> best, std::span<const int64_t> grown);

}  // namespace assay::automl
