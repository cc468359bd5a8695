// How many steps (boosting rounds, epochs) a fit on all rows makes. Pure.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace assay::automl {

// At most: what folds of four fifths of the rows ask for. Rows grow by more where folds are in
// time, and nothing says that steps do.
inline constexpr double kMostMoreSteps = 1.25;

// `kept`: that the fit on a part of the rows was best with, of `planned`; `more_rows`: how many
// times as many rows there are now, >= 1. Where early stopping chose, more rows bear more steps
// before they are learnt by heart: as many times more, up to kMostMoreSteps. Else as many as were
// planned.
// Example: 80 rounds of 1000 were best on 4/5 of the rows: 100 on all.
inline int64_t refit_steps(int64_t kept, int64_t planned, double more_rows) {
  if (kept >= planned) return planned;
  const double more =
      std::ceil(static_cast<double>(kept) * std::clamp(more_rows, 1.0, kMostMoreSteps));
  return std::min(planned, static_cast<int64_t>(more));
}

}  // namespace assay::automl
