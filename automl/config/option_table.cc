#include "automl/config/option_table.h"

#include <algorithm>

#include "automl/config/search_space.h"

namespace assay::automl {
namespace {

bool is_option_name(std::string_view name) {
  return !name.empty() && name[0] >= 'a' && name[0] <= 'z' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

// A required text has no default; its option must be given.
bool default_fits(const OptionInfo& info) {
  return info.required || check_value(info, info.default_value).has_value();
}

}  // namespace

Status check_group(const OptionGroup& group) {
  for (const OptionInfo& info : group.options) {
    if (!is_option_name(info.name)) {
      return fail(StatusCode::kInternal, "{}: bad option name '{}'", group.name, info.name);
    }
    if (find_option(group.options, info.name) != &info) {
      return fail(StatusCode::kInternal, "{}: option '{}' is there twice", group.name, info.name);
    }
    if (info.help.empty()) {
      return fail(StatusCode::kInternal, "{}: option '{}' has no help", group.name, info.name);
    }
    if (!default_fits(info)) {
      return fail(StatusCode::kInternal, "{}: the default of '{}' is not allowed: {}", group.name,
                  info.name, value_text(info, info.default_value));
    }
    if (!info.search) continue;
    const auto dimension = make_dimension(info, *info.search);
    if (!dimension) {
      return fail(StatusCode::kInternal, "{}: search range: {}", group.name,
                  dimension.error().message);
    }
    const bool moved = std::visit([](const auto& v) { return OptionValue(v); },
                                  dimension->default_value) != info.default_value;
    if (moved) {
      return fail(StatusCode::kInternal, "{}: the default of '{}' is outside its search range",
                  group.name, info.name);
    }
  }
  return {};
}

}  // namespace assay::automl
