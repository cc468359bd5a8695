// Budget: how much time a sweep may take, counted from process start, and how much of it is kept
// back for the end (ensemble, saving, last writes). All times are on the injected clock. Not
// thread-safe.
#pragma once

#include <cstdint>
#include <optional>

#include "kernels/base/clock.h"

namespace assay::automl {

struct BudgetLimits {
  std::optional<double> seconds;  // from process start to exit
  int64_t trials = 0;             // 0: not limited
  // A sweep that goes on: reading the table may take all the time until fits stop.
  bool goes_on = false;
};

class Budget {
 public:
  // `start_ns`: the process's start on `clock`, which must outlive the budget.
  Budget(const Clock& clock, int64_t start_ns, BudgetLimits limits);

  bool timed() const { return limits_.seconds.has_value(); }
  // A trial budget without a time limit: nothing may depend on time.
  bool logical() const { return !timed(); }
  int64_t trial_limit() const { return limits_.trials; }

  double elapsed_seconds() const;
  // Until the deadline; infinite without a time limit.
  double seconds_left() const;

  // All of these are kNoDeadline without a time limit.
  // When the process must have exited; a little before the promise's end.
  int64_t deadline_ns() const;
  // The table is read by then, or the budget is too small: kPrepareShare of it is kept for
  // preparing a fit and a baseline.
  int64_t read_deadline_ns() const;
  // When fits stop, so that the tail fits before the deadline.
  int64_t fit_deadline_ns() const;
  // When trials that have not stopped by themselves are given up.
  int64_t seal_ns() const;
  // When ensemble selection stops.
  int64_t select_deadline_ns() const;
  // When fits on all rows stop, which come after the selection.
  int64_t refit_deadline_ns() const;
  // When writing files of trials stops, so that the end of the journal can be written as well.
  int64_t publish_deadline_ns() const;

  // What saving cost when it was measured: a small model, so mostly the latency of the disk.
  void observe_save(double seconds, int64_t bytes);
  // What is expected to be saved at the end, and how long selection would like to take.
  void expect_tail(int64_t model_bytes, double selection_seconds);
  // What is left to be written of trials that ended: at most a tenth of the budget is kept for it.
  void expect_backlog(double seconds) { backlog_seconds_ = seconds; }
  // What fits on all rows would like to take: at most kRefitShare of the budget is kept for them.
  void expect_refit(double seconds) { refit_seconds_ = seconds; }
  // What can be kept for that from now on: what is kept already, or as much as leaves fits under
  // way a while to end in.
  double refit_room() const;
  static constexpr double kRefitShare = 0.35;
  // Seconds that saving a model of that size is expected to take, other last writes included.
  double save_seconds(int64_t model_bytes) const;
  // The largest model that can still be saved in time, half of what the promise lets a sweep
  // overrun included, and at least what is saved in kLeastSaveSeconds: the latency of saving is
  // spent on any model. INT64_MAX without a time limit.
  int64_t affordable_bytes() const;
  static constexpr double kLeastSaveSeconds = 0.05;
  // The budget whose read deadline is `seconds` after the start.
  double limit_for(double seconds) const;
  static constexpr double kPrepareShare = 0.15;
  // Seconds kept back in all.
  double reserve_seconds() const;

 private:
  int64_t at_seconds(double seconds) const;
  // Seconds of the tail's parts; only with a time limit.
  double stop_allowance() const;
  double selection_allowance() const;
  double save_allowance() const;
  double refit_allowance() const;

  const Clock& clock_;
  int64_t start_ns_;
  BudgetLimits limits_;
  double save_latency_ = 0.02;  // seconds, of a small model
  double bytes_per_second_ = 100e6;
  int64_t model_bytes_ = 0;
  double selection_seconds_ = 0;
  double refit_seconds_ = 0;
  double backlog_seconds_ = 0;
};

}  // namespace assay::automl
