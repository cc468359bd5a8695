// TimeSlices: how long a trial may fit in a sweep with a time limit, so that a slow learner does
// not keep the others from their turn. The time left is shared evenly among the defaults that have
// not begun yet; what a quick one leaves goes to those behind it, and with the quick ones in front
// (first_defaults) that is a max-min fair division: nobody is cut before the others have as much.
// Once all defaults have begun, a trial may take all that is left.
//
// Example: one slot, 9 s left, defaults that want 1, 4 and 20 s. The first may take 3 s and takes
// 1; the second may take (9 - 1) / 2 = 4 s; the third has the 4 s that are left, and is cut.
//
// Reads no clock. Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "automl/search/trial_spec.h"

namespace assay::automl {

class TimeSlices {
 public:
  // `defaults`: how many the search proposes, the baseline not counted; both >= 0.
  TimeSlices(int64_t defaults, int64_t slots) : waiting_(defaults), slots_(slots) {}

  // When a trial that begins now stops fitting, at most `end_ns`, when all fits stop
  // (kNoDeadline: nothing is shared out).
  int64_t deadline_ns(TrialOrigin origin, int64_t now_ns, int64_t end_ns);

 private:
  std::mutex mutex_;
  int64_t waiting_;  // defaults that have not begun
  int64_t slots_;
};

// The order in which defaults are tried, as positions in `seconds`, the predicted time of each:
// first those that take at most a kQuickShare of `seconds_left`, as they stand, then the others,
// the quickest first.
std::vector<size_t> first_defaults(const std::vector<double>& seconds, double seconds_left);
inline constexpr double kQuickShare = 0.1;

}  // namespace assay::automl
