// The hyper-parameters of a sweep's trials as columns, a learner at a time. Pure.
#pragma once

#include <string>
#include <vector>

#include "automl/scheduler/leaderboard.h"

namespace assay::automl {

// One parameter over the trials of a learner.
struct ParamColumn {
  std::string name;
  bool is_number = true;
  std::vector<double> values;        // numbers, NaN where missing; else indices into `choices`
  std::vector<std::string> choices;  // texts and booleans, sorted
  double low = 0;                    // of the numbers
  double high = 0;
  bool log = false;  // numbers above 0 that span a factor of 20 or more: compared by logarithm

  // 0..1 over the range; NaN where missing.
  double place(size_t trial) const;
};

struct LearnerTrials {
  std::string learner;
  std::vector<double> scores;    // of trials with a score, in the leaderboard's order: best first
  std::vector<int64_t> numbers;  // of the trials
  std::vector<ParamColumn> columns;  // parameters that had more than one value, by name
};

// Learners by their number of trials with a score, most first.
std::vector<LearnerTrials> trials_by_learner(const Leaderboard& board);

}  // namespace assay::automl
