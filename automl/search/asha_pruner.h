// Asynchronous successive halving in its stopping form (Li, Jamieson et al., "A System for
// Massively Parallel Hyperparameter Tuning", MLSys 2020): a trial goes on past a rung iff its loss
// there is among the best 1/eta of those recorded so far by trials of the same learner. It never
// waits for stragglers, and the first to reach a rung goes on. Baseline and defaults always go on.
// Example, eta 3, losses recorded at a rung 0.5 0.4 0.7 0.6: a loss of 0.45 ranks 2nd of 5 and
// ceil(5 / 3) = 2 go on, so it does; 0.55 ranks 3rd and stops.
#pragma once

#include "automl/search/search.h"

namespace assay::automl {

class AshaPruner final : public Pruner {
 public:
  // `eta` >= 2.
  explicit AshaPruner(int64_t eta) : eta_(eta) {}
  bool should_stop(const TrialResult& trial, const RungValue& value,
                   const HistoryView& history) const override;

 private:
  int64_t eta_;
};

}  // namespace assay::automl
