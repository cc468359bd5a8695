// Search decides which setting to try next. It is asked for trials in the order of their numbers
// and hears of results through the history. Implementations must be pure functions of their own
// construction, the numbers asked so far and the views given: no clock, no global state. Not
// thread-safe; the scheduler guards it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "automl/config/search_space.h"
#include "automl/learners/learner.h"
#include "automl/search/history.h"
#include "automl/search/trial_spec.h"

namespace assay::automl {

// A learner that may be tried.
struct SearchLearner {
  std::string name;
  SearchSpace space;
  bool baseline = false;  // the constant model: tried once, first
  // Predicted cost of its default setting; only ratios between learners matter. Above 0.
  double default_cost = 1;
  bool goes_on = false;  // fits that were cut short can be gone on with
  // Learner::model_units; empty: nothing is known of its models' costs.
  std::function<ModelUnits(const ParamMap& params, int64_t steps)> units = {};
  // The best of Learner::within that keeps what is fixed; nothing: none does.
  std::function<std::optional<ParamMap>(const ParamMap& params, const ModelUnits& most)> within =
      {};
};

// A setting that is to be tried whatever is known by then.
struct WantedSetting {
  std::string learner;
  ParamMap params;
  TrialOrigin origin = TrialOrigin::kEarlier;
};

class Search {
 public:
  virtual ~Search() = default;
  // The setting of trial `number`, or nothing if there is nothing left to try.
  virtual std::optional<TrialSpec> propose(int64_t number, const HistoryView& history) = 0;
  // Takes over a proposal of an earlier process as if it had been proposed now.
  virtual void adopt(const TrialSpec& spec) = 0;
};

// Decides at a rung whether a trial is worth going on with.
class Pruner {
 public:
  virtual ~Pruner() = default;
  // `trial` has all its rungs so far, `value` being the last; `history` holds the trials to compare
  // with, among which it may be itself and is ignored.
  virtual bool should_stop(const TrialResult& trial, const RungValue& value,
                           const HistoryView& history) const = 0;
};

}  // namespace assay::automl
