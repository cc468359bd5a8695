// TrialArchive keeps what finished trials leave, their models and out-of-fold predictions, in files
// beside the sweep's run (tracking/run_scratch.h): large models need not be held in memory until
// the ensemble is made, and a sweep that goes on after its process died need not train them again.
// A file that is missing, cut or another trial's is no error: then the trial is run again. Each is
// a model file (models/model_file.h).
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "automl/models/model_file.h"
#include "automl/scheduler/trial.h"
#include "automl/validation/training_set.h"
#include "kernels/base/byte_sink.h"
#include "kernels/base/status.h"
#include "tracking/run_scratch.h"
#include "tracking/workspace.h"

namespace assay::automl {

class TrialArchive {
 public:
  TrialArchive(std::shared_ptr<tracking::Workspace> workspace, const std::string& run_id);

  // Keeps what a trial with a score has, without a copy of it. Fails: io; resource_exhausted.
  Status keep(const TrialOutcome& outcome);
  void drop(int64_t trial);
  // Gives a known outcome its model and predictions; false if they are not to be had.
  bool load(const TrainingSet& set, TrialOutcome& outcome) const;

  // Likewise of a trial that is being trained. Fails: as keep().
  Status keep_part(const TrialSpec& spec, const TrialCheckpoint& checkpoint);
  void drop_part(int64_t trial);
  // Null if there is none for these folds.
  std::shared_ptr<const TrialCheckpoint> load_part(const TrainingSet& set,
                                                   const TrialSpec& spec) const;

  // The trials that there are such files of.
  std::vector<TrialSpec> parts() const;

  // Seconds since the sweep's start that its search has taken, and what of it was spent before the
  // first trial. Fails: io.
  Status keep_elapsed(double seconds, double prepare_seconds);

  // All of it, once the sweep is complete. Fails: io.
  Status discard() { return scratch_.discard(); }

 private:
  std::shared_ptr<tracking::Workspace> workspace_;
  tracking::RunScratch scratch_;
};

// Writes such a file. Fails: as ModelWriter::write.
Status write_archived(const TrialOutcome& outcome, ByteSink sink);
// Reads it into an outcome whose spec and score are known.
// Fails: data if it is damaged, or another trial's; io.
Status read_archived(const ModelReader& file, TrialOutcome& outcome);

struct ElapsedTime {
  double seconds = 0;
  double prepare_seconds = 0;
};
// What keep_elapsed wrote; zeros if that is not to be had.
ElapsedTime read_elapsed(const tracking::RunScratch& scratch);

}  // namespace assay::automl
