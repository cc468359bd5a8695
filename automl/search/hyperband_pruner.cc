#include "automl/search/hyperband_pruner.h"

#include <cmath>

#include "kernels/base/rng.h"

namespace assay::automl {

int HyperbandPruner::bracket_of(const TrialSpec& trial) const {
  const auto weight = [&](int bracket) {
    return std::pow(static_cast<double>(eta_), bracket) / (bracket + 1);
  };
  double sum = 0;
  for (int bracket = 0; bracket < brackets_; ++bracket) sum += weight(bracket);
  Rng rng(derive_seed(trial.seed, "bracket"));
  double place = rng.next_double() * sum;
  for (int bracket = 0; bracket + 1 < brackets_; ++bracket) {
    if (place < weight(bracket)) return bracket;
    place -= weight(bracket);
  }
  return brackets_ - 1;
}

bool HyperbandPruner::should_stop(const TrialResult& trial, const RungValue& value,
                                  const HistoryView& history) const {
  const int skipped = brackets_ - 1 - bracket_of(trial.spec);
  if (value.rung.step <= skipped) return false;
  return halving_.should_stop(trial, value, history);
}

}  // namespace assay::automl
