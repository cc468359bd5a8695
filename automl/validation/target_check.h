// What of a config can be wrong only for a certain target: its task decides which metrics and
// objectives there are, and its values which of these are defined. Told before anything is begun.
#pragma once

#include <string>
#include <vector>

#include "automl/config/column_check.h"
#include "automl/config/config_places.h"
#include "automl/config/experiment_config.h"
#include "datasets/table.h"
#include "datasets/target.h"
#include "kernels/base/clock.h"
#include "kernels/base/executor.h"
#include "kernels/base/status.h"

namespace assay::automl {

// Whether the metric, the weights of classes and what the learners' parameters fix go with the
// target of a table of `row_count` rows. Fails: config for what is of another task, else data for
// targets outside a metric's or an objective's domain, naming the row (from 1); one mistake a line,
// `data.metric: ...`, `class_weight: ...` or `learners.gbt.objective=...`.
Status check_target(const ExperimentConfig& config, const datasets::Target& target,
                    int64_t row_count);

// The same for the file data.train, of which only columns with a role are kept. A pipe is passed
// over: it can be read only once. Fails: as read_csv, read_column_roles and check_target.
Status check_target_file(const ExperimentConfig& config, Executor& executor, const StopToken& stop);

}  // namespace assay::automl
