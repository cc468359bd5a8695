// Pieces of what commands print for --json.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tracking/run_record.h"

namespace assay::automl::cli {

// On one line, without and with '\n'. Bytes that are no UTF-8 are replaced.
std::string json_text(const nlohmann::ordered_json& json);
std::string json_line(const nlohmann::ordered_json& json);

// Null for NaN and the infinities.
nlohmann::ordered_json number_json(double value);
nlohmann::ordered_json value_json(const tracking::Value& value);

}  // namespace assay::automl::cli
