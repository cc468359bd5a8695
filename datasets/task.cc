#include "datasets/task.h"

#include <array>

#include "kernels/base/names.h"

namespace assay::datasets {
namespace {
constexpr std::array<std::string_view, 3> kTaskNames = {"binary", "multiclass", "regression"};
}  // namespace

std::string_view name_of(Task task) { return kTaskNames[static_cast<size_t>(task)]; }

std::span<const std::string_view> task_names() { return kTaskNames; }

Result<Task> parse_task(std::string_view name) {
  const std::string wanted = lower_case(name);
  for (size_t i = 0; i < kTaskNames.size(); ++i) {
    if (wanted == kTaskNames[i]) return static_cast<Task>(i);
  }
  return fail(StatusCode::kInvalidArgument, "unknown task '{}'{}", name,
              name_hint(name, std::span<const std::string_view>(kTaskNames)));
}

}  // namespace assay::datasets
