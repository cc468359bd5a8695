#include "automl/scheduler/time_slices.h"

#include <algorithm>
#include <numeric>

#include "kernels/base/clock.h"

namespace assay::automl {

int64_t TimeSlices::deadline_ns(TrialOrigin origin, int64_t now_ns, int64_t end_ns) {
  if (origin != TrialOrigin::kDefault) return end_ns;
  const std::lock_guard lock(mutex_);
  const int64_t waiting = std::max<int64_t>(waiting_--, 1);
  if (end_ns == kNoDeadline || waiting <= slots_) return end_ns;
  const double share = static_cast<double>(slots_) / static_cast<double>(waiting);
  const auto left = static_cast<double>(std::max<int64_t>(end_ns - now_ns, 0));
  return std::min(end_ns, now_ns + static_cast<int64_t>(share * left));
}

std::vector<size_t> first_defaults(const std::vector<double>& seconds, double seconds_left) {
  std::vector<size_t> order(seconds.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto slow = std::stable_partition(order.begin(), order.end(), [&](size_t i) {
    return seconds[i] <= kQuickShare * seconds_left;
  });
  std::stable_sort(slow, order.end(), [&](size_t a, size_t b) { return seconds[a] < seconds[b]; });
  return order;
}

}  // namespace assay::automl
