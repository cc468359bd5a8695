// Runs one trial: fits a learner on each fold, predicts the fold's validation rows and scores all
// of them together. With several folds the models of boosting are cut to what was best for the
// other folds (fold_steps.h) before they are scored. Whatever goes wrong becomes the trial's status
// and message; nothing escapes.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "automl/learners/learner.h"
#include "automl/models/model.h"
#include "automl/scheduler/partial_trial.h"
#include "automl/scheduler/start_model.h"
#include "automl/scheduler/trial_checkpoint.h"
#include "automl/scheduler/trial_parts.h"
#include "automl/search/trial_spec.h"
#include "automl/validation/row_shares.h"
#include "automl/validation/training_set.h"
#include "kernels/base/clock.h"
#include "kernels/kernel_set.h"
#include "kernels/usage.h"

namespace assay::automl {

// How the message of a trial begins that was pruned for its folds, not at a rung of halving.
inline constexpr std::string_view kBehindInFolds = "folds worse than the best's";

// What a trial that was cut short goes on from: of each fold the fit's state, or what it came to if
// it had come to its end. Immutable.
struct TrialRest {
  std::vector<std::optional<FitState>> fits;  // nothing: the fold was done
  std::vector<FoldRecord> folds;
  std::vector<std::shared_ptr<const Model>> models;
  std::vector<float> predictions;  // [scored rows, outputs]
  std::vector<CurvePoint> curve;
};

struct TrialJob {
  const TrainingSet* set = nullptr;
  const Learner* learner = nullptr;
  const StartModel* start = nullptr;  // what fits go on from; may be null
  TrialSpec spec;
  const Clock* clock = nullptr;
  // Whether the outcome has out-of-bag predictions of forests that make them.
  bool keep_oob = false;
  // Whether folds may be fitted at the same time, where that is quicker: there is memory for it.
  bool together = false;
  // Asked before each fold and while it is fitted, for it may move: when fits must stop
  // (kNoDeadline: never). What is left till then is shared evenly among the folds still to come, so
  // that a trial that started too late ends in time with short fits on all folds and not with long
  // ones on some. Thread-safe.
  std::function<int64_t()> fit_deadline_ns;
  // Whether that is the trial's share of the time and not the end of all fits; for messages.
  bool shared_time = false;
  // Asked likewise: when predictions are given up.
  std::function<int64_t()> predict_deadline_ns;
  // Share of a fold's time that predicting took in earlier trials of the learner; 0: not known.
  double predict_ratio = 0;
  // Told of a rung; false ends the trial as pruned, or, of Rung::Ladder::kPartitions, as it is,
  // without other partitions. May be empty.
  std::function<bool(const RungValue&)> on_rung;
  // What the trial is fitted on first (share_climb.h), the smallest first; not without on_rung.
  std::span<const RowShare> shares;
  // Whether it is asked at rounds of a fit on all training rows of a holdout.
  bool asks_rounds = true;
  // Whether it is fitted on other partitions, where that was decided before; nothing: on_rung says.
  std::optional<bool> repeat;
  // Nor is it if the models and predictions of all of them would take more than this.
  int64_t most_repeat_bytes = std::numeric_limits<int64_t>::max();
  // Cost is counted in the cost model's units, not in seconds.
  bool logical = false;
  // What an earlier process had of the trial; null: it begins anew. Its folds must be the set's.
  std::shared_ptr<const TrialCheckpoint> begin;
  // Asked between folds and boosting rounds; true: keep_checkpoint is called. May be empty.
  std::function<bool()> wants_checkpoint;
  std::function<void(const TrialCheckpoint&)> keep_checkpoint;
  // Nothing larger than this is kept, or copied for it.
  int64_t most_checkpoint_bytes = 0;
  // What the trial that it continues had; null: it begins anew. Not beside `begin`.
  std::shared_ptr<const TrialRest> rest;
  // A trial that is cut short keeps what it can be gone on from, if that takes no more than this.
  int64_t most_rest_bytes = 0;
};

struct TrialOutcome {
  TrialResult result;
  std::optional<double> score;
  std::vector<FoldRecord> folds;  // those that were fitted, of all partitions that were
  std::vector<CurvePoint> curve;  // at most about 100 points a fold
  double seconds = 0;
  double score_seconds = 0;  // what computing the metric on all rows took
  double ended_seconds = 0;  // since the sweep's start, filled by who runs it
  std::string device;        // it ran on, the last of several
  bool emulated = false;     // that device's times mean nothing (kernels/device.h)
  // What the learner, or predicting with its model, failed with.
  std::optional<StatusCode> error;
  // Of a trial that ran on several devices: where it ran before, and why not to the end.
  std::string moved_from;
  // What really ran, and what was copied to and from devices.
  std::vector<kernels::KernelUse> usage;
  // Known from an earlier process, and not run in this one.
  bool known = false;
  // What was taken over, "2 folds and 130 rounds of the next of an earlier process", "trial 3"; or
  // empty.
  std::string went_on_from;
  // Training rows of the share that its model was fitted on, where that stands in for a fit on all
  // of them that was cut short; 0: it does not.
  int64_t share_rows = 0;
  // With a score, which is the mean over the partitions: the average of the fold models, and the
  // out-of-fold predictions [scored rows, outputs], numbers of the data's frame, of several
  // partitions their mean; and what both take. A known one may lack the first two.
  int64_t model_bytes = 0;
  int64_t prediction_bytes = 0;
  std::shared_ptr<const Model> model;
  std::shared_ptr<const std::vector<float>> predictions;
  std::shared_ptr<const OobPredictions> oob;  // null: not kept, or there are none
  bool stored = false;  // the archive has the model, so that nobody need hold it
  std::shared_ptr<const PartialTrial> partial;  // cancelled with at least one fold
  std::shared_ptr<const TrialRest> rest;        // partial, and can be gone on with
  std::string run_id;                           // of its run, filled by who records it

  double mean_fit_seconds() const;
  // That models keep, over the folds.
  int64_t mean_steps() const;
  // Share of all folds' time that predicting took; 0 without folds.
  double predict_ratio() const;
};

// `context.stop` is the request to end early: a fit that has made a step is then kept.
TrialOutcome run_trial(const TrialJob& job, const kernels::ComputeContext& context);

}  // namespace assay::automl
