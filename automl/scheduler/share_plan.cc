#include "automl/scheduler/share_plan.h"

namespace assay::automl {

std::span<const RowShare> SharePlan::shares_of(const Learner& learner, const TrialSpec& spec,
                                               std::optional<double> seconds_left) const {
  if (shares_.empty()) return {};
  if (spec.origin == TrialOrigin::kBaseline || spec.origin == TrialOrigin::kContinued) return {};
  const bool searched = is_searched(spec.origin);
  if (seconds_left) {
    const auto seconds = time_->seconds(learner, spec.params);
    const double most = searched ? kMostShare : kMostUnasked;
    if (!seconds || *seconds < kDearShare * *seconds_left || *seconds > most * *seconds_left) {
      return {};
    }
  }
  return searched ? shares_ : shares_.first(1);
}

}  // namespace assay::automl
