// What a user gave where a config file is wanted.
#pragma once

#include <string>

#include "kernels/base/status.h"

namespace assay::automl::cli {

// Fails: invalid_argument if the file's name is that of a table (train.csv, train.tsv.gz), saying
// how one is run or a config made for it. Other files are left to the config's parser.
Status refuse_table(const std::string& path);

}  // namespace assay::automl::cli
