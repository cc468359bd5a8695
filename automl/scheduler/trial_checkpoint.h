// TrialCheckpoint: what a trial that is being trained has so far, so that a process that goes on
// with its sweep need not begin it anew: the folds that are done, and of those under way the
// boosting rounds made. Plain values, shared and immutable where they are large.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "automl/learners/learner.h"
#include "automl/models/model.h"
#include "automl/scheduler/trial_parts.h"
#include "automl/search/trial_spec.h"
#include "kernels/base/status.h"

namespace assay::automl {

struct TrialCheckpoint {
  // Of the folds that are done; their models with all steps that were grown.
  std::vector<FoldRecord> folds;
  std::vector<std::shared_ptr<const Model>> models;
  // [partitions begun, scored rows, outputs]; those of other folds are 0.
  std::vector<float> predictions;
  OobSums oob;                    // of the folds that are done
  std::vector<CurvePoint> curve;  // of folds under way, too
  std::vector<RungValue> rungs;   // that were passed
  // Of the folds under way: those that follow the ones that are done. Nothing: begun anew.
  std::vector<std::optional<FitState>> fits;
  double seconds = 0;  // spent so far
};

// "2 folds and 130 rounds of the next", "1 share of the rows": how far it came.
std::string extent_of(const TrialCheckpoint& checkpoint);

// As a model file (models/model_file.h), with what tells the trial from all others.
// Fails: as ModelWriter::finish.
Result<std::string> checkpoint_bytes(const TrialSpec& spec, const TrialCheckpoint& checkpoint);
// Fails: data if the bytes are damaged, or of another trial than `spec`, naming `source`.
Result<TrialCheckpoint> read_checkpoint(std::string bytes, const std::string& source,
                                        const TrialSpec& spec);
// Which trial the bytes are of. Fails: data.
Result<TrialSpec> read_checkpoint_spec(std::string bytes, const std::string& source);

}  // namespace assay::automl
