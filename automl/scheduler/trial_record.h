// Writes a trial's own run into the workspace: parameters, scores of each fold, learning curves,
// feature importance and, if asked for, out-of-fold and out-of-bag predictions. What a search has
// to know of a trial is all in there and read back bit for bit.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "automl/config/experiment_config.h"
#include "automl/scheduler/trial.h"
#include "automl/validation/training_set.h"
#include "kernels/base/status.h"
#include "tracking/run.h"
#include "tracking/run_record.h"
#include "tracking/workspace.h"

namespace assay::automl {

// What the trials of one sweep share in their records.
struct RecordContext {
  std::shared_ptr<tracking::Workspace> workspace;
  std::string experiment;
  std::string parent_run_id;
  tracking::SourceInfo source;   // of the parent
  tracking::DatasetUse dataset;  // without the profile
  bool keep_predictions = false;
};

// The run of a trial that starts now; nothing is on disk before write_trial.
// Fails: io.
Result<std::unique_ptr<tracking::Run>> start_trial(const RecordContext& context,
                                                   const TrialSpec& spec);

// Records what came of it and ends the run: it is in the workspace's journal a few milliseconds
// later, and its file is written in the background, at the latest by Workspace::flush().
// Fails: io.
Status write_trial(const RecordContext& context, const TrainingSet& set,
                   const TrialOutcome& outcome, tracking::Run& run);

// The metric in which a trial's record has its losses at the rungs of a ladder, by steps: "folds",
// "rounds", "rows", "partitions". (Those of single folds are its scores of folds.)
std::string rung_metric(std::string_view ladder);

// What write_trial recorded, without curve, model and predictions, marked as known. Nothing if the
// run is not a trial's, or the trial did not come to its own end: what was cut or cancelled by a
// stop is to be run again.
std::optional<TrialOutcome> read_trial(const tracking::RunRecord& record);

// What ran, as the table `kernels`: texts device, op, kernel, whole numbers calls, bytes
// (kernels/usage.h); and the way back, empty if the record has no such table.
tracking::NamedTable kernel_table(const std::vector<kernels::KernelUse>& usage);
std::vector<kernels::KernelUse> read_kernel_table(const tracking::RunRecord& record);

// A model's feature importance as a table: feature, importance; most important first, at most
// `limit` of them.
tracking::NamedTable importance_table(const Model& model, const FeatureEncoder& encoder,
                                      size_t limit);

// Out-of-fold predictions [scored rows, outputs], numbers of the data's frame, as what they stand
// for, with the rows of the table (from 0) and labels.
tracking::Predictions oof_predictions(const TrainingSet& set, std::string name,
                                      const std::vector<float>& values);

// Likewise out-of-bag predictions, named `oob`, of the rows that have one.
tracking::Predictions oob_predictions(const TrainingSet& set, const OobPredictions& oob);

// The truth of the rows of out-of-fold predictions as table `oof_targets`: `class`, the column of
// the predictions, or `value`; and `weight` where the rows have one.
tracking::NamedTable oof_targets(const TrainingSet& set);

// Every option of the config by its path, "data.target", as a sweep's run keeps it.
std::map<std::string, tracking::Value> config_params(const ExperimentConfig& config);

tracking::Value to_value(const ParamValue& value);

}  // namespace assay::automl
