// The three kinds of supervised task, and how they are spelled.
#pragma once

#include <span>
#include <string_view>

#include "kernels/base/status.h"

namespace assay::datasets {

enum class Task { kBinary, kMulticlass, kRegression };

// "binary", "multiclass", "regression".
std::string_view name_of(Task task);
// All three, in the order of Task.
std::span<const std::string_view> task_names();
// In any case of letters. Fails: invalid_argument, with the nearest name.
Result<Task> parse_task(std::string_view name);

inline bool is_classification(Task task) { return task != Task::kRegression; }

}  // namespace assay::datasets
