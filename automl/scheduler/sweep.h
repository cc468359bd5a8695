// One AutoML search from table to registered model: the call behind `assay run`. It keeps to its
// time, trial and memory budget, records itself and every trial in the workspace, and always
// registers a model: a constant one if nothing better came of it.
//
// Two modes (docs: architecture). With a time budget results are used as they arrive. With a trial
// budget and no time limit (logical mode) the same seed gives the same proposals, scores, ranks and
// model bytes for any number of threads and slots.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "automl/config/experiment_config.h"
#include "automl/ensemble/stacking.h"
#include "automl/learners/learner.h"
#include "automl/metrics/task.h"
#include "automl/scheduler/leaderboard.h"
#include "automl/scheduler/model_footprint.h"
#include "automl/scheduler/sweep_observer.h"
#include "automl/scheduler/sweep_past.h"
#include "datasets/table.h"
#include "kernels/base/clock.h"
#include "kernels/base/executor.h"
#include "kernels/base/status.h"
#include "kernels/kernel_set.h"
#include "tracking/run_record.h"
#include "tracking/workspace.h"

namespace assay::automl {

// What computes. Nothing is owned. If a sweep had to leave a stalled trial behind at its deadline
// (SweepOutcome::stalled_trials), all of it must live until the process exits.
struct SweepCompute {
  const kernels::KernelSet* kernels = nullptr;
  // Where trials run, side by side: at least one, and each has slots of its own. A trial that a
  // device fails or has no memory for goes to the next of these, and then of `spare`.
  std::vector<kernels::Device*> devices;
  std::vector<kernels::Device*> spare;
  kernels::Device* host = nullptr;  // the CPU, for what devices do not declare
  // For what is not a trial's work: the host if trials may run there, else the first device.
  kernels::Device* leading() const;
  // For what comes before the first trial: the leading device, but the host where that one is
  // emulated or untried. The bits are the same, and nothing has to wait for an emulation, or hangs
  // on a card, until there is a baseline.
  kernels::Device* preparing() const;
  // Makes the executor of one slot, with that many threads; called on the slot's own thread.
  std::function<std::unique_ptr<Executor>(int threads)> make_executor;
};

struct SweepRequest {
  ExperimentConfig config;  // checked (check_config)
  // For the run's record; may be empty.
  std::string config_text;
  std::string config_path;
  std::vector<std::string> command_line;
  // The training table; null: config.data.train is read, by the budget's rules.
  std::shared_ptr<const datasets::Table> table;
  SweepCompute compute;
  // 0: config.run.threads, and if that is 0 too, all CPUs this process may use.
  int threads = 0;
  std::shared_ptr<tracking::Workspace> workspace;
  // Like `compute`, these are not owned.
  const Clock* clock = nullptr;
  int64_t process_start_ns = 0;       // on `clock`: where the time budget begins
  const StopToken* stop = nullptr;    // the user's Ctrl-C; may be null
  SweepObserver* observer = nullptr;  // may be null
  // What may be tried; empty: learner_list(). config.learners chooses among these by name.
  std::vector<const Learner*> learners;
  // The run to go on with, and `config` is its own but for the budget; null: a new run. The time
  // budget begins at past->budget_start_ns().
  std::shared_ptr<const SweepPast> past;
};

// What ended the search.
enum class SweepEnd {
  kTime,       // the time limit
  kTrials,     // the trial limit
  kPatience,   // budget.patience: so many trials without a better one
  kExhausted,  // no settings were left to propose
  kFailures,   // trials only failed
  kUser,       // Ctrl-C
};
// "time", "trials", "patience", "exhausted", "failures", "user".
std::string_view name_of(SweepEnd end);

struct SweepOutcome {
  std::string run_id;
  int64_t known_trials = 0;  // whose outcomes were taken from the run's past
  SweepEnd ended_by = SweepEnd::kTime;
  tracking::RunStatus status = tracking::RunStatus::kCompleted;  // or kInterrupted
  Task task = Task::kRegression;
  std::string metric;
  // Of the registered model, out of fold; an estimate for rows that neither it nor its weights were
  // chosen on, where that could be made (selection_score is set then): with a time column for the
  // later ones.
  double validation_score = 0;
  // Of the ensemble, or the best trial, on the rows it was chosen on: flatters it. Not set where
  // there was nothing to choose from.
  std::optional<double> selection_score;
  std::string validation_method;
  // Members of the registered model that were fitted on all rows after their validation.
  int64_t refitted = 0;
  // How the registered model puts its members together: "single", "average" or "stacked"; what the
  // check of stacking measured on rows that were not fitted on, if it was made; and how
  // probabilities were calibrated (Calibrator::Kind), or empty.
  std::string ensemble_kind;
  std::optional<StackCheck> stack_check;
  std::string calibration;

  std::string model_name;
  int64_t model_version = 0;
  std::string model_path;  // of its bytes, in the workspace
  std::string model_sha256;
  ModelFootprint footprint;  // of the registered model; with no time to measure it the sum
                             // of what its members took

  int64_t finished = 0;  // trials with a score
  int64_t failed = 0;    // failed or skipped
  int64_t pruned = 0;
  int64_t cancelled = 0;
  int64_t over_limit = 0;      // broke a constraint
  int64_t stalled_trials = 0;  // did not stop when told; see SweepCompute
  // No trial but the baseline was finished, and the registered model is what a stopped one had:
  // "gbt #1 after 2 of 5 folds". Else empty.
  std::string kept_partial;

  Leaderboard leaderboard;
  double wall_seconds = 0;  // since process start
  int64_t peak_rss_bytes = 0;
  std::vector<std::string> notes;  // all that SweepObserver::on_note heard
  // Changes of registered models that are damaged or missing: a message for each, told as a loss.
  std::vector<std::string> damage;
  // The model is registered, but the sweep's own record could not be written to its end.
  bool record_unfinished = false;
};

// Runs the sweep. Blocks; makes threads (one a slot). With a past it goes on with that run: in
// logical mode to the outcome of an unbroken run, but for times.
// Fails: config or data for what cannot be learned from, naming it; not_found or io for the table
// or the workspace; budget_too_small if the table could not be read and prepared before the time of
// saving (with an estimate of the budget needed), or if not even a constant model fits the memory;
// config also if not even that keeps to the constraints; cancelled if the user stopped it before
// there was a model. The run is finished as failed then; a config that does not go with the target
// leaves none. With a past also: data if the table is another one than the run's, naming both
// hashes; already_exists if another process goes on with the run; both leave it as it was.
Result<SweepOutcome> run_sweep(const SweepRequest& request);

}  // namespace assay::automl
