// The training table of a recorded sweep, read again: for the truth behind out-of-fold predictions,
// the profile of its columns, and explanations.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "datasets/table.h"
#include "kernels/base/clock.h"
#include "kernels/base/executor.h"
#include "kernels/base/status.h"
#include "tracking/run_record.h"

namespace assay::automl {

struct TrainingFile {
  std::shared_ptr<const datasets::Table> table;  // null: it cannot be had
  std::string missing;                           // then why
};

// Reads what data.train of the run names, or `path` if it is not empty, as the run did, and
// compares the SHA-256. A file that is gone or has changed is no failure unless `path` was given.
// Fails: cancelled; with `path`, as datasets::read_csv, and data if the hash is another.
Result<TrainingFile> read_training_file(const tracking::RunRecord& sweep, const std::string& path,
                                        Executor& executor, const StopToken& stop);

// The truth of the rows of out-of-fold predictions.
struct OofTruth {
  std::vector<int32_t> labels;  // classification: columns of the predictions
  std::vector<double> values;   // regression
  std::string missing;          // why there is none, or empty
};

// From the table `oof_targets` of the record, or from the training table (may be null).
OofTruth oof_truth_of(const tracking::RunRecord& sweep, const tracking::Predictions& predictions,
                      const TrainingFile& file, bool classifies);

}  // namespace assay::automl
