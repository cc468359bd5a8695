#include "automl/config/param_map.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

namespace assay::automl {
namespace {

using ParamJson = nlohmann::json;

struct TextOf {
  std::string operator()(double value) const {
    char buffer[32];
    const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
    return error == std::errc() ? std::string(buffer, end) : std::string();
  }
  std::string operator()(int64_t value) const { return std::to_string(value); }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(const std::string& value) const { return value; }
};

// JSON has no infinity or NaN: a value that is one is kept as text.
ParamJson json_of(const ParamValue& value) {
  if (const double* number = std::get_if<double>(&value); number && !std::isfinite(*number)) {
    return to_text(value);
  }
  return std::visit([](const auto& v) { return ParamJson(v); }, value);
}

}  // namespace

std::string to_text(const ParamValue& value) { return std::visit(TextOf{}, value); }

std::string params_to_json(const ParamMap& params) {
  ParamJson object = ParamJson::object();
  for (const auto& [name, value] : params) object[name] = json_of(value);
  return object.dump(-1, ' ', false, ParamJson::error_handler_t::replace);
}

Result<ParamMap> params_from_json(std::string_view json) {
  const ParamJson object = ParamJson::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) {
    return fail(StatusCode::kData, "parameters are not a JSON object: '{}'", json.substr(0, 80));
  }
  ParamMap params;
  for (const auto& [name, value] : object.items()) {
    if (value.is_boolean()) {
      params.emplace(name, value.get<bool>());
    } else if (value.is_number_float()) {
      params.emplace(name, value.get<double>());
    } else if (value.is_number_unsigned() &&
               value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
      return fail(StatusCode::kData, "parameter '{}' is above 2^63 - 1: {}", name, value.dump());
    } else if (value.is_number_integer()) {
      params.emplace(name, value.get<int64_t>());
    } else if (value.is_string()) {
      params.emplace(name, value.get<std::string>());
    } else {
      return fail(StatusCode::kData, "parameter '{}' is a {} (must be a number, boolean or string)",
                  name, value.type_name());
    }
  }
  return params;
}

}  // namespace assay::automl
