// What is predicted: one of two classes, one of several, or a number.
#pragma once

#include <span>
#include <string_view>

#include "kernels/base/status.h"

namespace assay::automl {

enum class Task { kBinary, kMulticlass, kRegression };

// "binary", "multiclass", "regression".
std::string_view name_of(Task task);
std::span<const std::string_view> task_names();

// Fails: invalid_argument with the nearest name.
Result<Task> parse_task(std::string_view name);

inline bool is_classification(Task task) { return task != Task::kRegression; }

}  // namespace assay::automl
