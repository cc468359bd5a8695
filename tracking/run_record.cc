#include "tracking/run_record.h"

#include <array>

#include "kernels/base/names.h"

namespace assay::tracking {
namespace {

constexpr std::array<std::string_view, 6> kStatusNames = {"running",   "completed",   "failed",
                                                          "cancelled", "interrupted", "pruned"};

struct TextOf {
  std::string operator()(double number) const { return fmt::format("{}", number); }
  std::string operator()(int64_t number) const { return fmt::format("{}", number); }
  std::string operator()(bool flag) const { return flag ? "true" : "false"; }
  std::string operator()(const std::string& text) const { return text; }
};

}  // namespace

std::string Value::text() const { return std::visit(TextOf{}, data_); }

std::string_view name_of(RunStatus status) { return kStatusNames[static_cast<size_t>(status)]; }

Result<RunStatus> parse_run_status(std::string_view name) {
  for (size_t i = 0; i < kStatusNames.size(); ++i) {
    if (kStatusNames[i] == name) return static_cast<RunStatus>(i);
  }
  return fail(StatusCode::kInvalidArgument, "unknown run status '{}'{}", name,
              name_hint(name, kStatusNames));
}

}  // namespace assay::tracking
