// Which rows train and which validate, chosen by the roles of columns, the size of the data and the
// budget. Rows are positions among the rows that have a target (datasets::Target::rows), not rows
// of the table.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "automl/config/experiment_config.h"
#include "datasets/splits.h"
#include "datasets/target.h"
#include "kernels/base/status.h"

namespace assay::automl {

// What is known when validation is planned. Views must live through the call only.
struct ValidationRequest {
  const datasets::Target* target = nullptr;
  std::span<const int32_t> groups = {};  // one a target row, or empty: no group column
  std::span<const double> times = {};    // one a target row, or empty: no time column
  ValidationOptions options;
  uint64_t seed = 1;
  int64_t feature_count = 0;
  // Predicted seconds of one fit of the leading learner on all rows on all threads.
  double fit_seconds = 0;
  // Seconds left, if time is limited. Without a limit size alone decides.
  std::optional<double> seconds_left;
  // What method auto must choose, whatever the time; empty: that is open.
  std::optional<bool> holdout;
};

struct ValidationPlan {
  std::string method;  // "stratified 5-fold", as datasets/splits.h names it
  std::string reason;  // why this one, for people and the run file
  // At least one. Those of several partitions stand one after the other, fold_count of each.
  std::vector<datasets::Split> folds;
  size_t fold_count = 1;
  // All rows that validate in some fold, ascending: the rows of out-of-fold predictions.
  std::vector<uint32_t> rows;
  // For fold f and its i-th validation row: where it stands in `rows`.
  std::vector<std::vector<uint32_t>> places;

  bool is_holdout() const { return fold_count == 1; }
  size_t partition_count() const { return folds.size() / fold_count; }
};

// Method auto: groups if there is a group column, else time order if there is a time column, else
// k-fold if that leaves time for at least kMinFullTrials default fits on all folds (without a time
// limit: up to kMaxFoldCells cells), else holdout. Classification is stratified by class and
// regression by quantiles, unless options.stratify is off. Fold counts are lowered to what rows and
// groups allow. The holdout of method auto is at most kMaxHoldoutRows rows.
// Of k folds there may be several partitions (options.repeats): each of all rows, by another seed.
// Folds in time are what they are, and rows are held out once.
// Fails: data if there are fewer than 2 rows (or groups, or times) to part; config if the method
// needs a column that is not given.
Result<ValidationPlan> plan_validation(const ValidationRequest& request);

inline constexpr double kMinFullTrials = 7;
inline constexpr int64_t kMaxFoldCells = 20'000'000;
inline constexpr int64_t kMaxHoldoutRows = 100'000;

}  // namespace assay::automl
