// What the slots of a sweep share with the thread that leads it. Kept alive by shared_ptr: a slot
// whose trial does not stop when told is left behind and may still look at it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "automl/scheduler/budget.h"
#include "automl/scheduler/known_trials.h"
#include "automl/scheduler/memory_plan.h"
#include "automl/scheduler/model_footprint.h"
#include "automl/scheduler/share_plan.h"
#include "automl/scheduler/start_model.h"
#include "automl/scheduler/sweep.h"
#include "automl/scheduler/time_slices.h"
#include "automl/scheduler/trial_archive.h"
#include "automl/scheduler/trial_queue.h"
#include "automl/scheduler/trial_record.h"
#include "automl/validation/row_shares.h"
#include "automl/validation/training_set.h"
#include "kernels/usage.h"

namespace assay::automl {

struct SweepState {
  explicit SweepState(const SweepRequest& from, Budget time)
      : request(from), budget(time), stop(from.stop) {}

  const SweepRequest request;
  Budget budget;  // the leading thread's, but for the two times below
  std::atomic<int64_t> fit_deadline_ns{kNoDeadline};
  std::atomic<int64_t> seal_ns{kNoDeadline};
  StopToken stop;  // the user's, or the leading thread's own when time is up

  std::vector<const Learner*> learners;
  std::optional<StartModel> start;  // what fits go on from
  std::unique_ptr<TrainingSet> set;
  std::unique_ptr<TrialQueue> queue;
  std::optional<ModelGauge> gauge;
  FootprintLimits limits;
  KnownTrials known;  // from an earlier process
  std::unique_ptr<TrialArchive> archive;
  // What a trial under way has is kept in the archive, or to be gone on with, up to this size: more
  // would take too much memory meanwhile, and is trained again.
  int64_t archive_bytes = 0;
  int64_t held_model_bytes = 0;  // a larger model is not held if the archive has it
  int64_t repeat_bytes = 0;      // what a trial may take with all its partitions
  std::optional<MemoryPlan> memory;
  std::unique_ptr<TimeSlices> slices;
  std::vector<RowShare> row_shares;  // empty: no trial is fitted on shares of the rows
  SharePlan share_plan;              // of these
  RecordContext record;
  kernels::Usage usage;  // of all trials, those of earlier processes included

  // What slots write beside the queue, under one lock: why records of trials could not be written,
  // and by learner the share of a fold's time that predicting took in its last trial.
  std::mutex slots_mutex;
  std::vector<std::string> record_errors;
  std::vector<std::string> moves;  // of trials from one device to another
  std::map<std::string, int64_t, std::less<>> device_trials;  // how many ran on each
  bool archive_failed = false;                                // and was told
  std::map<std::string, double, std::less<>> predict_ratios;
  // Of trials that were cut short, till they are gone on with.
  std::map<int64_t, std::shared_ptr<const TrialRest>> rests;

  // Takes the budget's deadlines over for the slots.
  void publish_deadlines() {
    fit_deadline_ns = budget.fit_deadline_ns();
    seal_ns = budget.seal_ns();
  }
};

// All of a predictor but what only a registered model has: its decision threshold.
Predictor::Parts predictor_parts(const SweepState& state, std::shared_ptr<const Model> model,
                                 double score);
// Latency and file size of what would be registered, or of a model with that score alone.
// Fails: as Predictor::make, ModelGauge.
Result<ModelFootprint> footprint_of(const SweepState& state, const Predictor& predictor);
Result<ModelFootprint> footprint_of(const SweepState& state, std::shared_ptr<const Model> model,
                                    double score);

// What a thread runs trials with.
struct Slot {
  Executor& executor;
  kernels::Device& device;
};

// Answers a trial from what is known, or runs it on the calling thread and writes its run; tells
// the queue either way.
void run_queued_trial(SweepState& state, const TrialSpec& spec, const Slot& slot);
// Runs a known trial again for its model.
void restore_trial(SweepState& state, const TrialSpec& spec, const Slot& slot);

}  // namespace assay::automl
