// Gives a trial up between folds when Wilcoxon's signed-rank test (Biometrics Bulletin 1, 1945)
// says that its folds are worse than the same folds of the best trial of its learner. Folds differ
// more from each other than settings do; comparing fold by fold takes that away. The test is one
// sided and exact, with mean ranks for ties and without pairs that are equal.
// Example: worse on each of the first four folds has p = 1/16.
#pragma once

#include <span>

#include "automl/search/search.h"

namespace assay::automl {

class WilcoxonPruner final : public Pruner {
 public:
  // A trial stops if the chance of folds as bad as its own, were it as good as the best, is at
  // most `level`, in (0, 1).
  explicit WilcoxonPruner(double level) : level_(level) {}
  bool should_stop(const TrialResult& trial, const RungValue& value,
                   const HistoryView& history) const override;

 private:
  double level_;
};

// Chance that pairs with no difference at heart look at least as much greater than 0 as these do; 1
// if all are 0. At most 100 differences.
double signed_rank_chance(std::span<const double> differences);

}  // namespace assay::automl
