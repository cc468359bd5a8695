#include "automl/search/repeat_rule.h"

namespace assay::automl {

bool is_worth_repeating(const TrialResult& trial, const RungValue& value,
                        const HistoryView& history, int64_t eta) {
  if (trial.spec.origin == TrialOrigin::kBaseline) return false;
  int64_t recorded = 1;
  int64_t rank = 1;
  bool best_of_learner = true;
  for (int64_t i = 0; i < history.size(); ++i) {
    const TrialResult& other = history.at(i);
    if (other.spec.number == trial.spec.number) continue;
    // What keeps to a constraint is not passed over for what does not.
    if (other.status == TrialStatus::kOverLimit) continue;
    for (const RungValue& theirs : other.rungs) {
      if (!(theirs.rung == value.rung)) continue;
      ++recorded;
      if (!(theirs.loss < value.loss)) continue;
      ++rank;
      if (other.spec.learner == trial.spec.learner) best_of_learner = false;
    }
  }
  return best_of_learner || rank <= (recorded + eta - 1) / eta;
}

}  // namespace assay::automl
