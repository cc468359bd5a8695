// TimeSlices: how long a trial may fit in a sweep with a time limit, so that a slow learner does
// not keep the others from their turn. The time left is divided by shares among the defaults that
// have not begun yet; what a quick one leaves goes to those behind it, and with the quick ones in
// front (order_defaults) that is a max-min fair division: nobody is cut before the others have as
// much. Once all defaults have begun, a trial may take all that is left.
//
// Example: one slot, 9 s left, three defaults of one share that want 1, 4 and 20 s. The first may
// take 3 s and takes 1; the second may take (9 - 1) / 2 = 4 s; the third has the 4 s that are left,
// and is cut.
//
// What is left for after all defaults (rest_share) counts as one that never begins: for the
// leading one to go on, where its own share was too short.
//
// Reads no clock. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "automl/search/trial_spec.h"

namespace assay::automl {

// A default that is to be tried.
struct PlannedDefault {
  std::string learner;
  double seconds = 0;    // predicted
  bool leading = false;  // the learner that is usually the best
  double share = 1;
};

// The order in which defaults are tried, and their shares. First those that take at most a
// kQuickShare of `seconds_left`, as they stand; then the leading one if it can end in the time
// left; then the others, the quickest first. The first of those that are not quick has
// kLeadingShare: half of a learner that comes near its end is worth more than a tenth of one that
// does not.
void order_defaults(std::vector<PlannedDefault>& defaults, double seconds_left);
inline constexpr double kQuickShare = 0.1;
inline constexpr double kLeadingShare = 3;
inline constexpr double kRestShare = 2;

// Places of those settings that are tried in turn, if they take `seconds` each and `most` together:
// what no longer fits is passed over for what still does.
std::vector<size_t> within_seconds(std::span<const double> seconds, double most);
// Of the time that defaults leave, for the portfolio: the search has the rest.
inline constexpr double kPortfolioShare = 0.5;

class TimeSlices {
 public:
  // The shares of the defaults that are proposed, by learner, each > 0; at least one slot.
  TimeSlices(std::map<std::string, double, std::less<>> shares, int64_t slots,
             double rest_share = 0)
      : shares_(std::move(shares)), slots_(slots), rest_share_(rest_share) {}

  // When a trial that begins now stops fitting, at most `end_ns`, when all fits stop
  // (kNoDeadline: nothing is divided).
  int64_t deadline_ns(const TrialSpec& spec, int64_t now_ns, int64_t end_ns);

 private:
  std::mutex mutex_;
  std::map<std::string, double, std::less<>> shares_;  // of those that have not begun
  int64_t slots_;
  double rest_share_;
};

}  // namespace assay::automl
