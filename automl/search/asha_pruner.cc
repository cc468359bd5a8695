#include "automl/search/asha_pruner.h"

namespace assay::automl {

bool AshaPruner::should_stop(const TrialResult& trial, const RungValue& value,
                             const HistoryView& history) const {
  if (value.rung.ladder == Rung::Ladder::kSingleFold) return false;
  if (!is_searched(trial.spec.origin)) return false;
  int64_t recorded = 1;
  int64_t rank = 1;
  for (int64_t i = 0; i < history.size(); ++i) {
    const TrialResult& other = history.at(i);
    if (other.spec.number == trial.spec.number || other.spec.learner != trial.spec.learner)
      continue;
    // What keeps to a constraint is not given up for what does not.
    if (other.status == TrialStatus::kOverLimit) continue;
    for (const RungValue& theirs : other.rungs) {
      if (!(theirs.rung == value.rung)) continue;
      ++recorded;
      if (theirs.loss < value.loss) ++rank;
    }
  }
  const int64_t survivors = (recorded + eta_ - 1) / eta_;
  return rank > survivors;
}

}  // namespace assay::automl
