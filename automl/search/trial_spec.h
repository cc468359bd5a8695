// What one trial is to do, and what came of it: the words that search, pruning, scheduling and
// reports share. Plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "automl/config/param_map.h"
#include "automl/search/footprint_limits.h"

namespace assay::automl {

// Why a setting was proposed.
enum class TrialOrigin {
  kBaseline,   // the constant model, always trial 0
  kDefault,    // a learner's default parameters
  kRandom,     // drawn from its search space, whatever is known
  kGuided,     // chosen from its search space by the results so far
  kContinued,  // a default whose share of the time was too short, gone on with
  kEarlier,    // did well in an earlier sweep on the same table
  kPortfolio,  // one of a few settings that did well together on many tables (portfolio.h)
};
inline constexpr int kTrialOrigins = 7;  // how many there are
// "baseline", "default", "random", "guided", "continued", "earlier", "portfolio".
std::string_view name_of(TrialOrigin origin);
// One of many, which is given up where it is behind; not one that must have its turn.
inline bool is_searched(TrialOrigin origin) {
  return origin == TrialOrigin::kRandom || origin == TrialOrigin::kGuided ||
         origin == TrialOrigin::kPortfolio;
}

struct TrialSpec {
  int64_t number = 0;  // 0, 1, 2, ... in order of proposal
  std::string learner;
  ParamMap params;
  uint64_t seed = 0;
  TrialOrigin origin = TrialOrigin::kRandom;
  // The trial that a continued one goes on with, of the same setting and seed. Whoever does not
  // have its state any more trains it anew. -1 of others.
  int64_t continues = -1;
};

enum class TrialStatus {
  kRunning,
  kFinished,   // has a loss over all folds
  kPartial,    // cut off by the deadline, but with a loss over all folds
  kPruned,     // given up at a rung: not promising
  kFailed,     // the learner failed; see the message
  kSkipped,    // never started: would not fit the memory limit
  kCancelled,  // cut off without a loss over all folds
  kOverLimit,  // has a loss over all folds, but its model breaks a constraint: it is not chosen
};
// "running", "finished", "partial", "pruned", "failed", "skipped", "cancelled",
// "over_limit".
inline constexpr size_t kTrialStatuses = 8;
std::string_view name_of(TrialStatus status);
// Whether its model may be chosen.
inline bool has_score(TrialStatus status) {
  return status == TrialStatus::kFinished || status == TrialStatus::kPartial;
}

// A place inside a trial where its loss so far is compared with that of other trials. Losses are
// comparable between trials of one learner at the same `step` of the same `ladder`.
struct Rung {
  enum class Ladder {
    kFolds,       // all folds so far together
    kRounds,      // the learner's own validation loss, on all training rows
    kSingleFold,  // fold number `step` alone: for comparing folds, no step of halving
    kPartitions,  // all folds of `step` partitions: whether others are worth it (repeat_rule.h)
    kRows,        // of a fit on a share of the training rows (validation/row_shares.h)
  };
  Ladder ladder = Ladder::kFolds;
  int step = 0;
  bool operator==(const Rung&) const = default;
};
inline constexpr size_t kLadders = 5;
// Rungs of halving, counted from 1 (Rung::step): with eta 3 after 1/9 and 1/3 of the work.
inline constexpr int kRungCount = 2;

struct RungValue {
  Rung rung;
  double loss = 0;  // lower is better
};

struct TrialResult {
  TrialSpec spec;
  TrialStatus status = TrialStatus::kRunning;
  std::optional<double> loss;    // Metric::loss_of the score over all folds; lower is better
  double cost = 0;               // seconds; in logical mode the cost model's units
  ModelFootprint footprint;      // 0: not measured
  int64_t steps = 0;             // that its models keep, the mean over the folds
  std::vector<RungValue> rungs;  // in the order met
  std::string message;           // why it failed, was skipped or cancelled, or what it breaks
};

}  // namespace assay::automl
