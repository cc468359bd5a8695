// The flags that say how a table file is read, shared by the commands that read one.
#pragma once

#include <string>
#include <vector>

#include "automl/config/experiment_config.h"
#include "datasets/csv_reader.h"
#include "kernels/base/status.h"

namespace CLI {
class App;
}

namespace assay::automl::cli {

struct TableOptions {
  std::string path;
  std::string delimiter = "auto";
  std::string header = "auto";
};

// --data (required), --delimiter and --header.
void add_table_options(CLI::App& command, TableOptions& options);
// The same where the table is what the command is about: it may stand without --data.
void add_table_argument(CLI::App& command, TableOptions& options);
// --task: auto, or what a target is predicted as.
void add_task_option(CLI::App& command, std::string& task);
// Fails: invalid_argument for an unknown delimiter or header setting.
Result<datasets::CsvOptions> csv_options(const TableOptions& options);

}  // namespace assay::automl::cli
