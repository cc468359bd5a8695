#include "automl/scheduler/time_slices.h"

#include <algorithm>

#include "kernels/base/clock.h"

namespace assay::automl {

void order_defaults(std::vector<PlannedDefault>& defaults, double seconds_left) {
  const auto slow = std::stable_partition(
      defaults.begin(), defaults.end(),
      [&](const PlannedDefault& planned) { return planned.seconds <= kQuickShare * seconds_left; });
  const auto others =
      std::stable_partition(slow, defaults.end(), [&](const PlannedDefault& planned) {
        return planned.leading && planned.seconds <= seconds_left;
      });
  std::stable_sort(others, defaults.end(), [](const PlannedDefault& a, const PlannedDefault& b) {
    return a.seconds < b.seconds;
  });
  if (slow != defaults.end()) slow->share = kLeadingShare;
}

std::vector<size_t> within_seconds(std::span<const double> seconds, double most) {
  std::vector<size_t> places;
  for (size_t i = 0; i < seconds.size(); ++i) {
    if (seconds[i] > most) continue;
    most -= seconds[i];
    places.push_back(i);
  }
  return places;
}

int64_t TimeSlices::deadline_ns(const TrialSpec& spec, int64_t now_ns, int64_t end_ns) {
  if (spec.origin != TrialOrigin::kDefault) return end_ns;
  const std::lock_guard lock(mutex_);
  const auto own = shares_.find(spec.learner);
  if (own == shares_.end()) return end_ns;
  double total = rest_share_;
  for (const auto& [learner, share] : shares_) total += share;
  const double part = static_cast<double>(slots_) * own->second / total;
  shares_.erase(own);
  if (end_ns == kNoDeadline || part >= 1) return end_ns;
  const auto left = static_cast<double>(std::max<int64_t>(end_ns - now_ns, 0));
  return std::min(end_ns, now_ns + static_cast<int64_t>(part * left));
}

}  // namespace assay::automl
