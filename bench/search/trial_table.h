// A stored table of real trials (record.py) as problems to search: each parameter is the place of a
// value in its grid, the value of a setting the loss that was measured, the regret 0 at the best
// setting of the table and 1 at its median one.
#pragma once

#include <string>
#include <vector>

#include "kernels/base/status.h"
#include "tests/automl/search_functions.h"

namespace assay::bench {

// One problem for each data set in the file.
// Fails: io if it cannot be read; data if it is not such a table.
Result<std::vector<automl::SearchFunction>> read_trial_table(const std::string& path);

}  // namespace assay::bench
