// What names, shapes and texts of a run must be, for those who log and for those who replay.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/run_record.h"

namespace assay::tracking {

// Kind, name, experiment, ids. An empty name becomes one made of kind and id.
// Fails: invalid_argument.
Status check_identity(RunInfo& info);

// Relative, without '..'. Fails: invalid_argument.
Status check_artifact_path(std::string_view path);

// Sizes agree. Fails: invalid_argument.
Status check_predictions(const Predictions& set);

// Checks names and lengths, and makes texts what a fixed-width column can hold.
// Fails: invalid_argument.
Status prepare_columns(const std::string& table, std::vector<TableColumn>& columns);

// Texts of a column or of labels: UTF-8, no NUL, of bounded length.
void clean_texts(std::vector<std::string>& texts);

}  // namespace assay::tracking
