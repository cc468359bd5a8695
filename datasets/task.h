// The three kinds of supervised task, and how they are spelled.
#pragma once

#include <string_view>

#include "kernels/base/status.h"

namespace assay::datasets {

enum class Task { kBinary, kMulticlass, kRegression };

// "binary", "multiclass", "regression".
std::string_view name_of(Task task);
// Fails: invalid_argument, with the nearest name.
Result<Task> parse_task(std::string_view name);

}  // namespace assay::datasets
