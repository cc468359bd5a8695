// The tail of a sweep with budget B: cancelled fits come to an end (a share of B, at least 20 ms),
// selection, saving, exit. Saving is a latency that was measured on this disk when the baseline was
// saved (counted three times: model, its record and the run's file), and the bytes at a careful
// rate.
#include "automl/scheduler/budget.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace assay::automl {
namespace {

constexpr double kExitSeconds = 0.03;  // leaving the process
constexpr double kStopShare = 0.004;   // of B: for fits to notice that they must stop
constexpr double kMinStopSeconds = 0.02;
constexpr double kMaxReserveShare = 0.25;    // of B
constexpr double kMaxSelectionShare = 0.05;  // of B

}  // namespace

Budget::Budget(const Clock& clock, int64_t start_ns, BudgetLimits limits)
    : clock_(clock), start_ns_(start_ns), limits_(limits) {}

double Budget::elapsed_seconds() const {
  return static_cast<double>(clock_.now_ns() - start_ns_) * 1e-9;
}

double Budget::seconds_left() const {
  if (!timed()) return std::numeric_limits<double>::infinity();
  return *limits_.seconds - elapsed_seconds();
}

int64_t Budget::at_seconds(double seconds) const {
  return start_ns_ + static_cast<int64_t>(std::llround(seconds * 1e9));
}

int64_t Budget::deadline_ns() const {
  return timed() ? at_seconds(*limits_.seconds - kExitSeconds) : kNoDeadline;
}

int64_t Budget::half_ns() const {
  return timed() ? at_seconds(0.5 * *limits_.seconds) : kNoDeadline;
}

int64_t Budget::fit_deadline_ns() const {
  return timed() ? at_seconds(*limits_.seconds - reserve_seconds()) : kNoDeadline;
}

int64_t Budget::select_deadline_ns() const {
  if (!timed()) return kNoDeadline;
  return at_seconds(*limits_.seconds - kExitSeconds - save_seconds(model_bytes_));
}

int64_t Budget::seal_ns() const {
  if (!timed()) return kNoDeadline;
  return select_deadline_ns() - static_cast<int64_t>(0.5e9 * selection_allowance());
}

double Budget::selection_allowance() const {
  return std::min(selection_seconds_, kMaxSelectionShare * *limits_.seconds);
}

void Budget::observe_save(double seconds, int64_t bytes) {
  const double transfer = static_cast<double>(bytes) / bytes_per_second_;
  save_latency_ = std::max(save_latency_, seconds - transfer);
}

void Budget::expect_tail(int64_t model_bytes, double selection_seconds) {
  model_bytes_ = model_bytes;
  selection_seconds_ = selection_seconds;
}

double Budget::save_seconds(int64_t model_bytes) const {
  return 3 * save_latency_ + static_cast<double>(model_bytes) / bytes_per_second_;
}

double Budget::reserve_seconds() const {
  if (!timed()) return 0;
  const double budget = *limits_.seconds;
  const double stop = std::max(kMinStopSeconds, kStopShare * budget);
  const double wanted = kExitSeconds + stop + selection_allowance() + save_seconds(model_bytes_);
  return std::min(wanted, kMaxReserveShare * budget);
}

}  // namespace assay::automl
