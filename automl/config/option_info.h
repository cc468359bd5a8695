// What is known of one option, without the type of the struct that holds it: the view that the
// parser, the search space, the JSON Schema and the documentation share. Plain values.
#pragma once

#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "automl/config/param_map.h"
#include "kernels/base/status.h"

namespace assay::automl {

using TextList = std::vector<std::string>;
using TextMap = std::map<std::string, std::string, std::less<>>;

// Any value an option can have. The first four kinds are those of ParamValue.
using OptionValue = std::variant<double, int64_t, bool, std::string, TextList, TextMap>;

// In the order of OptionValue's alternatives.
enum class OptionKind { kNumber, kInteger, kBoolean, kText, kTextList, kTextMap };

// How the text of a value is read and shown.
enum class OptionFormat {
  kPlain,
  kDuration,  // a number: seconds, or text like 1h30m (units.h)
  kBytes,     // an integer: bytes, or text like 4GiB (units.h)
  kPath,      // text: a file, relative to the config file's folder
  kName,      // text: empty, or a name as check_name wants it
  kNames,     // text: names with commas between; a config file may have a list of them instead
  kWeights,   // text: a choice, or weights by label (label_weights.h); a config file may have a map
};

// The values a number may have; infinite bounds do not bound. For an integer, 2^63 as a bound means
// the greatest there is.
struct OptionRange {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_open = false;   // low itself is not allowed
  bool high_open = false;  // high itself is not allowed
};

// Where search looks. Numbers: low..high, both included, uniform or log-uniform; integers stay
// integers. With `choices` (any scalar kind) only those values are tried. For a boolean, or a text
// option with choices of its own, an empty SearchRange{} means all values.
// With `when` the parameter is searched only where that one matters and has one of those values,
// and keeps its default elsewhere.
struct SearchCondition {
  std::string option;
  std::vector<ParamValue> values;
};
struct SearchRange {
  double low = 0;
  double high = 0;
  bool log = false;
  std::vector<ParamValue> choices = {};
  std::optional<SearchCondition> when = {};
};

struct OptionInfo {
  std::string_view name;
  OptionKind kind = OptionKind::kNumber;
  OptionRange range = {};
  std::vector<std::string_view> choices = {};  // of a text, or of each element of a list or map
  OptionFormat format = OptionFormat::kPlain;
  bool required = false;  // a text that may not stay empty
  OptionValue default_value = {};
  std::optional<SearchRange> search = {};
  std::string_view help;
};

// A group of options under one name: a section of a config file, or the parameters of a learner.
// The name and the views inside `options` must outlive it (string literals do).
struct OptionGroup {
  std::string_view name;
  std::string_view help;
  std::vector<OptionInfo> options;
};

// "1..64", "> 0 and <= 1", ">= 0", or empty if nothing is bounded.
std::string range_text(const OptionRange& range);

// A value as a person writes it: 0.1, true, [a, b], {x: numeric}, durations and bytes with units.
std::string value_text(const OptionInfo& info, const OptionValue& value);

// Reads one scalar as the option's kind: decimal numbers by from_chars, true or false in any case,
// one of `choices` in any case (the value is spelled as there), other text as it is; of a list its
// comma-separated elements; of a map comma-separated name=value pairs. Fails: invalid_argument if
// the text is not of the kind, or the value not allowed. The message reads `max_depth=0 (must
// be 1..64)`.
Result<OptionValue> parse_value(const OptionInfo& info, std::string_view text);

// The value in the option's kind: an integer becomes a number, and a number without a fraction
// an integer, where the option wants that.
// Fails: invalid_argument if the kind does not fit, or the value is out of range, not finite, or
// not one of the choices.
Result<OptionValue> check_value(const OptionInfo& info, const OptionValue& value);

// The option of that name, or null.
const OptionInfo* find_option(const std::vector<OptionInfo>& options, std::string_view name);

// "unknown option 'max_dept' (did you mean 'max_depth'?)", as an invalid_argument error.
tl::unexpected<Error> unknown_option(const std::vector<OptionInfo>& options, std::string_view name);

}  // namespace assay::automl
