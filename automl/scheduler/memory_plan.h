// MemoryPlan: how a sweep shares out its memory limit, and what each trial takes of it. What is
// left beside the program and the encoded table (the room) goes to finished trials that are kept
// for the ensemble (a tenth for predictions, a quarter for models, which while trials run are
// mostly in files) and to running trials (the rest). A setting that needs more than that is made
// smaller. Plans are upper estimates made from sizes alone, so decisions are the same on any
// machine with the same limit. Immutable; thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "automl/learners/learner.h"
#include "kernels/base/status.h"

namespace assay::automl {

struct MemoryShape {
  int64_t limit_bytes = 0;
  int64_t base_bytes = 0;  // held throughout: the program, the encoded table
  DataShape data;
  int64_t fold_count = 1;
  int64_t partition_count = 1;   // of the rows into folds; the others are for the best trials
  int64_t prediction_bytes = 0;  // out-of-fold predictions of one trial
  int threads = 1;               // of one trial
  // Trials are fitted on shares of the rows first, and keep the best model of these.
  bool climbs = false;
};

class MemoryPlan {
 public:
  explicit MemoryPlan(const MemoryShape& shape) : shape_(shape) {}

  int64_t kept_prediction_bytes() const { return room() / 10; }
  int64_t kept_model_bytes() const { return room() / 4; }
  // A finished trial's model that takes more is not held in memory if it can be stored.
  int64_t held_model_bytes() const;
  // For all running trials together.
  int64_t trial_bytes() const;

  // Most that models and predictions of all partitions of a trial may take together: a trial that
  // would take more keeps to the first. 0 with one partition.
  int64_t repeat_bytes() const;

  // Whether a trial may fit its folds at the same time, if its learner gains by that: what that
  // takes on top of fits one after the other is a small share of what all running trials may take.
  bool has_room_together(const Learner& learner, const ParamMap& params) const;

  // A trial: its fits at the peak, models of the folds that are done, predictions and the copies
  // that scoring makes, and what it may take for other partitions. Fails: as
  // Learner::planned_bytes.
  Result<int64_t> planned_bytes(const Learner& learner, const ParamMap& params) const;
  // Makes `params` smaller (Learner::smaller) until they fit, and gives what they then take.
  // Parameters named in `fixed` stay as they are.
  // Fails: as planned_bytes; resource_exhausted if nothing sensible fits, with the limit that the
  // setting needs.
  Result<int64_t> fit(const Learner& learner, std::span<const std::string> fixed,
                      ParamMap& params) const;
  // The least limit under which the setting fits as it is. Fails: as planned_bytes.
  Result<int64_t> needed_limit(const Learner& learner, const ParamMap& params) const;

 private:
  int64_t room() const { return shape_.limit_bytes - shape_.base_bytes; }
  // Of the first partition, its folds fitted one after the other; and what fitting them at the same
  // time takes on top: 0 if the learner gains nothing by that.
  Result<int64_t> searched_bytes(const Learner& learner, const ParamMap& params) const;
  Result<int64_t> together_bytes(const Learner& learner, const ParamMap& params) const;
  MemoryShape shape_;
};

// "120 MiB", "19.6 GiB": rounded up.
std::string mib_text(int64_t bytes);

}  // namespace assay::automl
