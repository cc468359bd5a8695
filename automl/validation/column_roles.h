// What a training table's columns with a role hold: target, weights, groups, times. Read and
// checked before anything is begun, so that a bad value is told before there is a run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "automl/config/experiment_config.h"
#include "datasets/table.h"
#include "datasets/target.h"
#include "kernels/base/status.h"

namespace assay::automl {

// Owns its memory. `rows of the table` has 0 where a row has no target; the others have an entry
// for each of target.rows.
struct ColumnRoles {
  datasets::Target target;
  std::vector<float> weights;   // [rows of the table], >= 0, finite; empty without a column
  std::vector<int32_t> groups;  // [target.rows]; missing values are one group; empty without
  std::vector<double> times;    // [target.rows], not NaN; empty without
};

// data.target with the task and positive class that the config gives.
// Fails: data (data.target: ...) as datasets::extract_target; config for a positive class that the
// task or the column has not.
Result<datasets::Target> find_target(const datasets::Table& table, const ExperimentConfig& config);

// The target, and the columns data.weight, data.group and data.time_column.
// Fails: as find_target; data, naming the option, the column and, for a bad value, its row (from
// 1): no such column, weights that are no numbers, negative, missing, infinite or all 0, times that
// are neither datetimes nor numbers, or missing.
Result<ColumnRoles> read_column_roles(const datasets::Table& table, const ExperimentConfig& config);

// The weight of each class, [labels of the target], that class_weight gives by label; labels that
// it does not name have 1. Empty for none and balanced. Fails: config (class_weight: ...) for a
// label that the target has not, naming the nearest, or if the target is no classes.
Result<std::vector<double>> read_class_weights(const datasets::Target& target,
                                               const std::string& class_weight);

}  // namespace assay::automl
