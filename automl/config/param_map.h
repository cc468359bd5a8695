// The parameters of a trial: names with scalar values, in name order. What search proposes, what a
// learner is configured from, what a run and a model file record. Plain values; copy them freely.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>

#include "kernels/base/status.h"

namespace assay::automl {

using ParamValue = std::variant<double, int64_t, bool, std::string>;

// Ordered by name, so that equal maps have equal text.
using ParamMap = std::map<std::string, ParamValue, std::less<>>;

// Text that reads back to the same value: the shortest decimal of a number, true or false, or the
// string itself without quotes.
std::string to_text(const ParamValue& value);

// One JSON object on one line. A double is written with a point or exponent, so that its type
// survives; a string that is not UTF-8 has its bad bytes replaced.
std::string params_to_json(const ParamMap& params);

// Reads what params_to_json wrote.
// Fails: data if `json` is not an object of numbers, booleans and strings.
Result<ParamMap> params_from_json(std::string_view json);

}  // namespace assay::automl
