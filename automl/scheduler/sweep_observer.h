// Hears how a sweep goes on, for progress on a terminal. All calls come on the thread that called
// run_sweep, about ten times a second and whenever something happened; they should be quick.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "automl/search/trial_spec.h"

namespace assay::automl {

enum class SweepPhase { kReading, kPreparing, kSearching, kEnsembling, kRefitting, kSaving, kDone };
// "reading", "preparing", "searching", "ensembling", "refitting", "saving", "done".
std::string_view name_of(SweepPhase phase);

struct SweepProgress {
  SweepPhase phase = SweepPhase::kReading;
  double elapsed_seconds = 0;           // since process start
  std::optional<double> limit_seconds;  // the time budget
  int64_t trials_done = 0;              // ended in any way
  int64_t trial_limit = 0;              // 0: none
  std::string metric;
  std::optional<double> best_score;
  std::string best_learner;
  std::vector<std::string> running;  // "gbt #3", one a busy slot
};

class SweepObserver {
 public:
  virtual ~SweepObserver() = default;
  // Now and then, and at each change of phase.
  virtual void on_progress(const SweepProgress& progress) { (void)progress; }
  // A trial ended; `score` is there if it has one.
  virtual void on_trial(const TrialResult& trial, std::optional<double> score) {
    (void)trial;
    (void)score;
  }
  // The same for one that is known from an earlier process.
  virtual void on_known(const TrialResult& trial) { (void)trial; }
  // Something that people should know: what was detected, chosen, dropped or skipped, in one line.
  virtual void on_note(const std::string& note) { (void)note; }
  // Something that was asked for could not be kept, such as a model on a full disk, in one line:
  // also for those who want no notes.
  virtual void on_loss(const std::string& loss) { on_note(loss); }
};

}  // namespace assay::automl
