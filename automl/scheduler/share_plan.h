// SharePlan: which trials are fitted on shares of the training rows (validation/row_shares.h)
// before they are fitted on all of them. Settings that are searched climb all shares. What is never
// given up, such as defaults, is fitted on the smallest one, so that there is something to compare
// the others with. A constant and a trial that goes on with another are not.
//
// With a time limit a fit on all rows may be too quick for that to pay, or so slow that there is no
// time for more than a few of them anyway: it must be predicted to take a share of the time left
// between kDearShare and kMostShare, or kMostUnasked of what is never given up. Where
// defaults are cut short themselves, a fit before them does harm (docs/search-performance.md).
// Refers to the shares, which must outlive it. Immutable; thread-safe.
#pragma once

#include <optional>
#include <span>

#include "automl/learners/learner.h"
#include "automl/scheduler/time_plan.h"
#include "automl/search/trial_spec.h"
#include "automl/validation/row_shares.h"

namespace assay::automl {

class SharePlan {
 public:
  static constexpr double kDearShare = 0.03;
  static constexpr double kMostShare = 0.3;
  static constexpr double kMostUnasked = 0.1;

  SharePlan() = default;  // no trial is fitted on shares
  // `shares` as row_shares() gives them.
  SharePlan(std::span<const RowShare> shares, const TimePlan& time)
      : shares_(shares), time_(time) {}

  // Those that a trial that begins now is fitted on first, the smallest first. `seconds_left`:
  // nothing without a time limit.
  std::span<const RowShare> shares_of(const Learner& learner, const TrialSpec& spec,
                                      std::optional<double> seconds_left) const;

 private:
  std::span<const RowShare> shares_;
  std::optional<TimePlan> time_;
};

}  // namespace assay::automl
