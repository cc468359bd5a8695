// Shares of a holdout's training rows: what a setting is fitted on first where a fit on all of them
// is dear. They are chosen once for all trials of a sweep and lie within each other; the rows that
// validate are the same for all, so that losses compare. A share has its part of each class (of
// regression: of each tenth of the target's values), and the rows of a group, or of one time, do
// not part. Weights stay with their rows.
//
// Example, eta 3 and 90,000 training rows: shares of 10,000 rows (step 1) and 30,000 (step 2).
#pragma once

#include <cstdint>
#include <vector>

#include "automl/validation/training_set.h"

namespace assay::automl {

struct RowShare {
  int step = 0;                // Rung::step; the number of rows grows with it
  std::vector<uint32_t> rows;  // of the table, ascending
};

// A share that has fewer rows is left out.
inline constexpr int64_t kLeastShareRows = 200;

// Steps 1 .. `steps`, each share 1 / eta of the next and the last one of all rows; those of too few
// rows, or of nearly all of the next, are left out. Empty if `set` has no holdout. `eta` >= 2.
std::vector<RowShare> row_shares(const TrainingSet& set, int64_t eta, int steps, uint64_t seed);

}  // namespace assay::automl
