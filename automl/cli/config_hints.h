// What a table's profile suggests for a config that is being made for it.
#pragma once

#include <string>
#include <vector>

#include "automl/config/config_template.h"
#include "datasets/profile.h"

namespace assay::automl::cli {

// data.drop for columns that look like row ids, are constant or free text, each with its reason,
// and data.time_column for the first column of datetimes. The target is left alone. Pure.
std::vector<ConfigNote> column_hints(const datasets::TableProfile& profile,
                                     const std::string& target);

}  // namespace assay::automl::cli
