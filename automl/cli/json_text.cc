#include "automl/cli/json_text.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <variant>

namespace assay::automl::cli {

using Json = nlohmann::ordered_json;

std::string json_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string json_line(const Json& json) { return json_text(json) + "\n"; }

Json number_json(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json value_json(const tracking::Value& value) {
  return std::visit(
      [](const auto& held) {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, double>) {
          return number_json(held);
        } else {
          return Json(held);
        }
      },
      value.data());
}

}  // namespace assay::automl::cli
