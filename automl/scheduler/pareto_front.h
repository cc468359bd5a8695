// The Pareto front of a sweep: its models, single ones and ensembles, that no other one betters in
// score without being slower. Plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "automl/scheduler/leaderboard.h"

namespace assay::automl {

// Which of them.
struct FrontKey {
  int64_t trial = -1;   // -1: an ensemble
  int64_t members = 1;  // of an ensemble that selection passed through; 0: the registered one

  friend bool operator==(const FrontKey&, const FrontKey&) = default;
};

struct FrontPoint {
  FrontKey key;
  std::string learner;
  double score = 0;
  double latency_us = 0;

  // "gbt, trial 3", "ensemble of 4", "ensemble, registered".
  std::string name() const;
};

// By latency, ascending: scores get better. Of equals the registered model comes first, then the
// lower trial. What was not measured, and what breaks a constraint, is none of it.
std::vector<FrontPoint> pareto_front(const Leaderboard& board);

// Sets on_front of the rows that are.
void mark_front(Leaderboard& board);

}  // namespace assay::automl
