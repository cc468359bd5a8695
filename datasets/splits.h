// Ways to part rows into a training and a validation side. Pure functions of their arguments: the
// same seed gives the same split on any machine and thread count. Rows are ascending within each
// side.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/base/status.h"

namespace assay::datasets {

struct Split {
  std::vector<uint32_t> train;
  std::vector<uint32_t> valid;
};

struct SplitPlan {
  std::vector<Split> folds;
  std::string method;  // for people and the run file: "stratified 5-fold", "holdout 0.2"
};

// What kinds of plans share. `folds` == 1 is a holdout of `fraction`; else a k-fold split, and
// `fraction` is not used.
struct SplitShape {
  int folds = 5;          // >= 1
  double fraction = 0.2;  // of the rows that validate, above 0 and below 1
  uint64_t seed = 1;
};

// Every row validates in exactly one fold (k-fold), sizes differ by at most one.
// Fails: invalid_argument for a bad shape; data if there are fewer rows than folds, or than two.
Result<SplitPlan> random_split(int64_t row_count, const SplitShape& shape);

// `strata[row]` >= 0, as class codes. Each stratum is spread evenly over the folds, and fold sizes
// stay within one row of each other. A stratum with a single row in a holdout trains; in k-fold it
// validates once and is then missing from that fold's training side, which cannot be helped.
// Fails: as random_split; invalid_argument if a stratum is negative.
Result<SplitPlan> stratified_split(std::span<const int32_t> strata, const SplitShape& shape);

// Strata for a regression target: `bins` quantile groups of equal size (ties in the order of rows),
// fewer if there are too few rows. Values must not be NaN.
std::vector<int32_t> quantile_strata(std::span<const double> target, int bins);

// `groups[row]` is a code; rows of one group never part. Groups are dealt in random order, the
// largest first, each to the fold with the fewest rows; a holdout takes groups until it has the
// fraction of rows.
// Fails: as random_split; data if there are fewer than two groups, or fewer groups than folds.
Result<SplitPlan> group_split(std::span<const int32_t> groups, const SplitShape& shape);

// `times[row]`, no NaN. Holdout: the last rows in time validate. k-fold: an expanding window, fold
// f trains on the first f + 1 of k + 1 parts in time and validates on the next. Rows of equal time
// never part. The seed is not used.
// Fails: as random_split; invalid_argument for NaN; data if there are too few distinct times.
Result<SplitPlan> time_split(std::span<const double> times, const SplitShape& shape);

// The part of each row, 0 up to at most `parts` - 1, where rows of one group, or of one time, never
// part: groups are dealt as the folds of group_split, parts of times are numbered in time and of
// about as many rows each. Fewer groups or times than `parts` (>= 1) make fewer parts; no rows:
// empty. Times without NaN.
std::vector<int32_t> group_parts(std::span<const int32_t> groups, int parts, uint64_t seed);
std::vector<int32_t> time_parts(std::span<const double> times, int parts);

}  // namespace assay::datasets
