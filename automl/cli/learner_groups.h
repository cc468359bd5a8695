// What the commands that read configs tell the config room about learners, and how an experiment is
// named when nobody names it.
#pragma once

#include <string>
#include <vector>

#include "automl/config/option_info.h"

namespace assay::automl::cli {

// The options of every learner.
std::vector<OptionGroup> learner_groups();

// A valid name from a data file's: "my data.csv.gz" gives "my-data".
std::string experiment_name_of(const std::string& path);

}  // namespace assay::automl::cli
