// How level targets (models/level_targets.h) are made from the training rows of a fit. A level's
// number is the mean target of its training rows, drawn towards the mean of all rows:
// (sum of w y + kLevelSmooth * mean) / (sum of w + kLevelSmooth). A training row itself must not
// find its own target in there: rows are dealt into kLevelParts parts by a draw keyed by the row,
// and a row gets its level's number as the other parts have it. Nor those of its group, where rows
// have one: a level that lies within a group would tell its rows what no row of another group is
// told. So the draw is keyed by the group then. Of K > 2 classes there are K - 1 numbers, the share
// of each class but the first.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "automl/models/level_targets.h"
#include "kernels/base/status.h"
#include "kernels/kernel_set.h"

namespace assay::automl {

inline constexpr double kLevelSmooth = 10;
inline constexpr int kLevelParts = 5;
// A feature to fill.
struct LevelTargetPlace {
  int32_t feature = 0;
  int32_t key = 0;
  int32_t part = 0;  // of the target: 0, or the class but one
};

// All arrays run over the rows of `features`, those of `train_rows` are read. Not owned.
struct LevelTargetRequest {
  const FeatureView* features = nullptr;
  std::span<const LevelTargetPlace> places = {};
  std::span<const double> targets = {};       // regression
  std::span<const int32_t> classes = {};      // classification
  std::span<const float> weights = {};        // or empty: all 1
  std::span<const int32_t> groups = {};       // or empty: each row is one
  std::span<const uint32_t> train_rows = {};  // ascending
  uint64_t seed = 0;
};

struct FittedLevelTargets {
  std::shared_ptr<const LevelTargets> targets;
  // [places][rows], for LevelTargetView: rows that were not fitted on have their level's bin.
  std::vector<std::vector<uint8_t>> row_bins;
};

// The same bits for any executor.
// Fails: invalid_argument if a place is not sound; cancelled; resource_exhausted.
Result<FittedLevelTargets> fit_level_targets(const LevelTargetRequest& request,
                                             const kernels::ComputeContext& context);

// Of one place: the number of each code, and of each training row.
struct LevelNumbers {
  std::vector<double> by_code;
  std::vector<double> by_row;
};
LevelNumbers level_numbers(const LevelTargetRequest& request, const LevelTargetPlace& place);

}  // namespace assay::automl
