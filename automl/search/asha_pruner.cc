#include "automl/search/asha_pruner.h"

namespace assay::automl {

bool AshaPruner::should_stop(const TrialSpec& trial, const RungValue& value,
                             const HistoryView& history) const {
  if (!is_searched(trial.origin)) return false;
  int64_t recorded = 1;
  int64_t rank = 1;
  for (int64_t i = 0; i < history.size(); ++i) {
    const TrialResult& other = history.at(i);
    if (other.spec.number == trial.number || other.spec.learner != trial.learner) continue;
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
