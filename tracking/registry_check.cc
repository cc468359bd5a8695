#include "tracking/registry_check_internal.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "kernels/base/names.h"
#include "tracking/model_log_internal.h"
#include "tracking/records_internal.h"

namespace assay::tracking {
namespace {

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
  const int64_t number = parts.size() == 4 ? file_number(parts[3]) : 0;
  if (number == 0 || parts[0] != "models") return {};
  const std::string source = workspace.path() + "/" + place;
  if (parts[2] == "changes") {
    ASSAY_RETURN_IF_ERROR(parse_whole_event(text, number, source));
    return {};
  }
  if (parts[2] != "versions") return {};
  const auto registered = registered_versions(workspace, parts[1]);
  if (registered && !std::binary_search(registered->begin(), registered->end(), number)) return {};
  const Status whole = check_version(text, parts[1], number, source);
  if (whole) return {};
  const auto state = read_state(workspace, parts[1]);
  return state && state->of(number).purged ? Status() : whole;
}

}  // namespace assay::tracking
