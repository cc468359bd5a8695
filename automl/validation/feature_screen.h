// FeatureScreen: which combinations of two columns (preprocess/combination.h) are worth a feature.
//
// 1. Boosted trees are fitted on a part of a sample of the rows; the columns that they use most are
//    combined, some hundred candidates.
// 2. Trees of which each sees a fifth of all columns and candidates are fitted on the same part.
// The
//    candidates that they use most are chosen, no two that put the rows in the same order. (What
//    trees leave over is no better guide: little of it hangs on one combination, however much
//    sooner they would have come there with it.)
// 3. The choice is checked on the other parts: trees with it and without it, fitted fold by fold,
//    predict rows that had no part in choosing. Where it does not lower their loss by more than
//    chance, and the config leaves it to auto, nothing is made.
//
// Honesty. With a holdout only rows of its training part are read, so its score knows nothing of
// the choice. With folds the choice is one for all of them, from the rows of all: a few features of
// a few hundred candidates, no numbers fitted to targets. How much better that makes scores look
// than they are is measured by bench/features/compare (docs/feature-performance.md). Groups and
// times are kept apart as the folds keep them: the parts here are those folds, and with a holdout
// blocks of its training rows (RowKin), of which those in time are asked of trees of earlier ones.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "automl/learners/learner.h"
#include "automl/preprocess/feature_encoder.h"
#include "automl/validation/row_kin.h"
#include "kernels/base/status.h"
#include "kernels/kernel_set.h"

namespace assay::automl {

enum class ScreenMode : uint8_t {
  kOff,
  kChecked,  // what trees are better with
  kWanted,   // what trees use most
};

struct ScreenFold {
  std::span<const uint32_t> train_rows = {};  // of the encoded table, ascending
  std::span<const uint32_t> valid_rows = {};
};

// Not owned.
struct ScreenRequest {
  const FeatureEncoder* encoder = nullptr;       // without combinations
  const EncoderOptions* options = nullptr;       // that it was fitted with
  const EncodedTable::Source* source = nullptr;  // what it made of the training table
  const TrainingData* data = nullptr;            // its arrays run over the table's rows
  std::span<const ScreenFold> folds = {};        // one: a holdout
  RowKin kin;                                    // of the table's rows
  std::vector<uint8_t> barred;                   // [columns]: 1 keeps out of combinations
  int64_t rows = 0;                              // that are sampled, at most
  ScreenMode pairs = ScreenMode::kOff;
  ScreenMode crosses = ScreenMode::kOff;
  ScreenMode group_statistics = ScreenMode::kOff;
  const Learner* learner = nullptr;  // boosted trees
  uint64_t seed = 0;
};

// Fewer rows tell nothing from chance; more make screening slow.
inline constexpr int64_t kLeastScreenRows = 1000;
inline constexpr int64_t kMostScreenRows = 12000;

struct ScreenResult {
  std::vector<std::shared_ptr<const Combination>> chosen;
  // Of the check: by how much of itself the loss fell with what was chosen; 0 without a check.
  double lowered = 0;
};

// Settings of the trees that are fitted, and how many fits of kScreenTrainShare of the sampled rows
// are as much work as a screening: for plans.
ParamMap screen_params(const TrainingData& data);
inline constexpr double kScreenFits = 20;
inline constexpr double kScreenTrainShare = 0.8;

// Memory that it takes beside what the request holds, an upper estimate.
int64_t screen_bytes(const ScreenRequest& request);

// The same choice on any number of threads.
// Fails: as Learner::fit and Model::predict; cancelled.
Result<ScreenResult> screen_features(const ScreenRequest& request,
                                     const kernels::ComputeContext& context);

}  // namespace assay::automl
