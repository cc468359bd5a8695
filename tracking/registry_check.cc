#include "tracking/registry_check_internal.h"

#include <charconv>
#include <filesystem>
#include <system_error>
#include <vector>

#include "kernels/base/names.h"
#include "tracking/model_log_internal.h"
#include "tracking/records_internal.h"

namespace assay::tracking {
namespace {

// The number in "<number>.json", or 0.
int64_t number_of(std::string_view file_name) {
  int64_t number = 0;
  const char* end = file_name.data() + file_name.size();
  const auto [stop, error] = std::from_chars(file_name.data(), end, number);
  const bool whole = error == std::errc() && std::string_view(stop, end) == ".json";
  return whole && number > 0 ? number : 0;
}

Status check_change(std::string_view text, int64_t number, const std::string& source) {
  ASSAY_ASSIGN_OR_RETURN(const ModelEvent event, parse_event(text, source));
  if (event.number != number) {
    return fail(StatusCode::kData, "'{}' is damaged: it says number {}", source, event.number);
  }
  ModelState state;
  return apply_event(state, event, source);
}

Status check_version(std::string_view text, const std::string& name, int64_t number,
                     const std::string& source) {
  ASSAY_ASSIGN_OR_RETURN(const ModelVersion model, parse_model(text, source));
  if (model.version == number && lower_case(model.name) == name) return {};
  return fail(StatusCode::kData, "'{}' is damaged: it says {}:{}", source, model.name,
              model.version);
}

}  // namespace

Status check_registry_file(const Workspace& workspace, const std::string& place,
                           std::string_view text) {
  const std::filesystem::path path(place);
  const std::vector<std::string> parts(path.begin(), path.end());
  const int64_t number = parts.size() == 4 ? number_of(parts[3]) : 0;
  if (number == 0 || parts[0] != "models") return {};
  const std::string source = workspace.path() + "/" + place;
  if (parts[2] == "changes") return check_change(text, number, source);
  if (parts[2] != "versions") return {};
  const Status whole = check_version(text, parts[1], number, source);
  if (whole) return {};
  const auto state = read_state(workspace, parts[1]);
  return state && state->of(number).purged ? Status() : whole;
}

}  // namespace assay::tracking
