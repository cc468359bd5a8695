// The tail of a sweep with budget B, from its end: exit, saving, fits on all rows, selection, and
// before that the time in which cancelled fits come to an end. Saving is a latency that was
// measured on this disk when the baseline was saved (counted three times: model, its record and the
// run's file), and the bytes at a careful rate. Selection always has a little time, so that a fit
// that is late to stop does not cost the ensemble.
#include "automl/scheduler/budget.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace assay::automl {
namespace {

constexpr double kExitSeconds = 0.03;  // leaving the process
// For fits to notice that they must stop.
constexpr double kStopShare = 0.006;      // of B
constexpr double kMinStopSeconds = 0.05;  // at most kMinStopShare of B
constexpr double kMinStopShare = 0.05;
// For selection.
constexpr double kMinSelectionSeconds = 0.05;
constexpr double kMinSelectionShare = 0.01;  // of B, at most kMinSelectionSeconds
constexpr double kMaxSelectionShare = 0.05;
constexpr double kSaveTolerance = 0.1;    // seconds past the deadline that a large model may take
constexpr double kMaxBacklogShare = 0.1;  // of B, for files of trials
constexpr double kMaxReserveShare = 0.3;  // of B: exit, saving, selection and stopping

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

int64_t Budget::read_deadline_ns() const {
  if (!timed() || limits_.goes_on) return fit_deadline_ns();
  return at_seconds((1 - kPrepareShare) * *limits_.seconds - reserve_seconds());
}

double Budget::limit_for(double seconds) const {
  return (seconds + reserve_seconds()) / (1 - kPrepareShare);
}

int64_t Budget::fit_deadline_ns() const {
  return timed() ? at_seconds(*limits_.seconds - reserve_seconds()) : kNoDeadline;
}

int64_t Budget::select_deadline_ns() const {
  if (!timed()) return kNoDeadline;
  return at_seconds(*limits_.seconds - kExitSeconds - save_allowance() - refit_allowance());
}

int64_t Budget::refit_deadline_ns() const {
  if (!timed()) return kNoDeadline;
  return at_seconds(*limits_.seconds - kExitSeconds - save_allowance());
}

int64_t Budget::publish_deadline_ns() const {
  return timed() ? at_seconds(*limits_.seconds - kExitSeconds - save_latency_) : kNoDeadline;
}

int64_t Budget::seal_ns() const {
  if (!timed()) return kNoDeadline;
  return select_deadline_ns() - static_cast<int64_t>(0.5e9 * selection_allowance());
}

double Budget::stop_allowance() const {
  const double budget = *limits_.seconds;
  return std::max(kStopShare * budget, std::min(kMinStopSeconds, kMinStopShare * budget));
}

double Budget::selection_allowance() const {
  const double budget = *limits_.seconds;
  return std::clamp(selection_seconds_, std::min(kMinSelectionSeconds, kMinSelectionShare * budget),
                    kMaxSelectionShare * budget);
}

double Budget::save_allowance() const {
  const double rest =
      kMaxReserveShare * *limits_.seconds - kExitSeconds - stop_allowance() - selection_allowance();
  const double backlog = std::min(backlog_seconds_, kMaxBacklogShare * *limits_.seconds);
  return std::clamp(save_seconds(model_bytes_) + backlog, 0.0, std::max(0.0, rest));
}

double Budget::refit_allowance() const {
  return std::clamp(refit_seconds_, 0.0, kRefitShare * *limits_.seconds);
}

double Budget::refit_room() const {
  if (!timed()) return 0;
  constexpr double kEndings = 3;  // of what is kept for stopping
  const double kept = refit_allowance();
  const double rest = seconds_left() - (reserve_seconds() - kept) - kEndings * stop_allowance();
  return std::max(rest, kept);
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

int64_t Budget::affordable_bytes() const {
  if (!timed()) return std::numeric_limits<int64_t>::max();
  const double seconds = seconds_left() + kSaveTolerance - 3 * save_latency_;
  return static_cast<int64_t>(std::max(seconds, kLeastSaveSeconds) * bytes_per_second_);
}

double Budget::reserve_seconds() const {
  if (!timed()) return 0;
  return kExitSeconds + save_allowance() + refit_allowance() + selection_allowance() +
         stop_allowance();
}

}  // namespace assay::automl
