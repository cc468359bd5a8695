// TimePlan: keeps single trials from eating a time budget. A setting whose fits are predicted to
// take more than a share of what is left is made cheaper (Learner::cheaper): on a table of
// thousands of columns it then sees fewer of them at a time, and makes many rounds or trees where
// it would have made a few. Without a time limit nothing is cut short, so a setting that would take
// minutes (a thousand classes, say) is made cheaper and smaller by the cost model alone: for the
// same data it is the same on every machine and number of threads. Immutable; thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "automl/learners/learner.h"
#include "kernels/base/status.h"

namespace assay::automl {

// Of the time left when the search begins, for one trial.
inline constexpr double kMostTrialShare = 0.3;
// What takes so many times that is made hastier too (Learner::hastier).
inline constexpr double kHasteRatio = 4;
// Without a time limit: the cost model's seconds of one core that a trial may take.
inline constexpr double kMostUntimedSeconds = 120;

struct TimeShape {
  DataShape data;
  int64_t fold_count = 1;
  int threads = 1;  // of one trial
  // Nothing: no time limit.
  std::optional<double> seconds_left = 0;
  double most_seconds() const {
    return seconds_left ? kMostTrialShare * *seconds_left : kMostUntimedSeconds;
  }
};

class TimePlan {
 public:
  explicit TimePlan(const TimeShape& shape) : shape_(shape) {}

  // Predicted seconds of a trial, all folds, with as many steps as fits usually make.
  // Fails: as Learner::logical_cost.
  Result<double> seconds(const Learner& learner, const ParamMap& params) const;
  // Makes `params` cheaper until they take most_seconds() at most, or as cheap as is sensible.
  // Parameters named in `fixed` stay. Fails: as seconds().
  Status shorten(const Learner& learner, std::span<const std::string> fixed,
                 ParamMap& params) const;

 private:
  TimeShape shape_;
};

// Whether no parameter named in `fixed` differs.
bool keeps_fixed(const ParamMap& before, const ParamMap& after, std::span<const std::string> fixed);

// "max_leaves=8, rounds=250": what `after` has that `before` has not.
std::string param_changes(const ParamMap& before, const ParamMap& after);

}  // namespace assay::automl
