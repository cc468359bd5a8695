// Whether the columns that a config names are in the table, told from its header.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "automl/config/config_places.h"
#include "automl/config/experiment_config.h"
#include "datasets/csv_reader.h"

namespace assay::automl {

struct ColumnMistake {
  std::string path;  // of the option, or of its item: "data.target", "data.drop.id"
  std::string text;  // "train.csv has no column 'idd' (did you mean 'id'?)"
};

// Every column that data.target, weight, group, time_column, drop, column_types, monotone and
// interactions name and `names` does not hold. `file` is what messages call the table.
std::vector<ColumnMistake> check_columns(const DataOptions& data,
                                         std::span<const std::string> names,
                                         const std::string& file);

// Checks a run's config against the table it names before anything is begun: reads the header and
// the first records of data.train. Fails: as datasets::read_csv_names, placed at data.train; for
// columns that are not there, one a line with the place that names it: config if `by_config` or if
// a list or map of columns names them, else data.
Status check_table_columns(const ExperimentConfig& config, const ConfigPlaces& places,
                           bool by_config);

// How data.train is read, without bounds on memory.
// Fails: invalid_argument for an unknown column type.
Result<datasets::CsvOptions> csv_options(const DataOptions& data);

}  // namespace assay::automl
