#include "automl/metrics/task.h"

#include <array>

#include "kernels/base/names.h"

namespace assay::automl {
namespace {
// In the order of Task.
constexpr std::array<std::string_view, 3> kNames = {"binary", "multiclass", "regression"};
}  // namespace

std::string_view name_of(Task task) { return kNames[static_cast<size_t>(task)]; }

std::span<const std::string_view> task_names() { return kNames; }

Result<Task> parse_task(std::string_view name) {
  const std::string wanted = lower_case(name);
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == wanted) return static_cast<Task>(i);
  }
  return fail(StatusCode::kInvalidArgument, "unknown task '{}'{}", name, name_hint(name, kNames));
}

}  // namespace assay::automl
