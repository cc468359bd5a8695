#include "automl/config/option_info.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "automl/config/label_weights.h"
#include "automl/config/units.h"
#include "kernels/base/names.h"

namespace assay::automl {
namespace {

constexpr double kExactInteger = 9007199254740992.0;  // 2^53
constexpr double kIntegersEnd = 0x1p63;               // as a bound it means the greatest int64_t

template <class... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <class... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

std::string number_text(double value) { return to_text(ParamValue(value)); }

std::string bound_text(double value) {
  if (value == kIntegersEnd) return std::to_string(std::numeric_limits<int64_t>::max());
  const bool whole = std::floor(value) == value && std::abs(value) < 1e15;
  return whole ? fmt::format("{:.0f}", value) : number_text(value);
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

std::vector<std::string_view> comma_parts(std::string_view text) {
  std::vector<std::string_view> parts;
  if (trimmed(text).empty()) return parts;
  for (size_t comma = 0; comma != std::string_view::npos;) {
    comma = text.find(',');
    parts.push_back(trimmed(text.substr(0, comma)));
    if (comma != std::string_view::npos) text.remove_prefix(comma + 1);
  }
  return parts;
}

// What a value of the option has to be, for messages: "1..64", "one of gini, entropy".
std::string allowed_text(const OptionInfo& info) {
  if (!info.choices.empty()) {
    return fmt::format("one of {}{}", fmt::join(info.choices, ", "),
                       info.format == OptionFormat::kWeights ? ", or LABEL=WEIGHT, ..." : "");
  }
  if (info.format == OptionFormat::kDuration || info.format == OptionFormat::kBytes) {
    const bool duration = info.format == OptionFormat::kDuration;
    const std::string range = range_text(info.range);
    return fmt::format("{}{}{}", duration ? "a duration like 30s or 1h30m" : "a size like 4GiB",
                       range.empty() ? "" : ", ", range);
  }
  const std::string range = range_text(info.range);
  switch (info.kind) {
    case OptionKind::kNumber:
      return range.empty() ? "a finite number" : range;
    case OptionKind::kInteger:
      return range.empty() ? "a whole number" : "a whole number, " + range;
    case OptionKind::kBoolean:
      return "true or false";
    case OptionKind::kText:
      return info.required ? "text that is not empty" : "text";
    case OptionKind::kTextList:
      return "a list of texts";
    case OptionKind::kTextMap:
      break;
  }
  return "a map of texts";
}

// "inf", ".inf", "-inf", "nan", "1e400".
bool is_beyond_numbers(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  const std::string lower = lower_case(text);
  const std::string_view word = std::string_view(lower).substr(lower.starts_with('.') ? 1 : 0);
  if (word == "inf" || word == "infinity" || word == "nan") return true;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc::result_out_of_range && end == text.data() + text.size() &&
         lower.find("e-") == std::string::npos;
}

tl::unexpected<Error> not_allowed(const OptionInfo& info, std::string_view shown) {
  // A range without an end seems to allow these.
  const bool endless = info.kind == OptionKind::kNumber && info.format == OptionFormat::kPlain &&
                       std::isfinite(info.range.low) && !std::isfinite(info.range.high);
  if (endless && is_beyond_numbers(shown)) {
    return fail(StatusCode::kInvalidArgument, "{}={} (must be finite and {})", info.name,
                shortened(shown), range_text(info.range));
  }
  return fail(StatusCode::kInvalidArgument, "{}={} (must be {})", info.name, shortened(shown),
              allowed_text(info));
}

std::optional<double> read_number(std::string_view text) {
  // YAML writes +5; from_chars does not read it.
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

std::optional<int64_t> whole_number(double value) {
  if (std::floor(value) != value || std::abs(value) > kExactInteger) return std::nullopt;
  return static_cast<int64_t>(value);
}

std::optional<int64_t> read_integer(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) return value;
  const std::optional<double> number = read_number(text);
  return number ? whole_number(*number) : std::nullopt;
}

bool in_range(const OptionRange& range, double value) {
  const bool above = range.low_open ? value > range.low : value >= range.low;
  const bool below = range.high_open ? value < range.high : value <= range.high;
  return above && below;
}

bool is_choice(const OptionInfo& info, std::string_view text) {
  return info.choices.empty() ||
         std::find(info.choices.begin(), info.choices.end(), text) != info.choices.end();
}

// Choices are names, and names are read in any case.
std::string as_choice(const OptionInfo& info, std::string_view text) {
  const auto found =
      std::find_if(info.choices.begin(), info.choices.end(),
                   [&](std::string_view choice) { return lower_case(choice) == lower_case(text); });
  return std::string(found == info.choices.end() ? text : *found);
}

// Weights in their order; those that are wrong stay as they are.
std::string as_weights(const OptionInfo& info, const std::string& text) {
  const auto weights = parse_label_weights(info.name, text);
  return weights ? label_weights_text(*weights) : text;
}

bool is_weights(const OptionInfo& info, std::string_view text) {
  return info.format == OptionFormat::kWeights && has_label_weights(text);
}

// A text, or the texts of a list or map, spelled like the choices.
void spell_choices(const OptionInfo& info, OptionValue& value) {
  if (info.choices.empty()) return;
  if (auto* text = std::get_if<std::string>(&value)) {
    *text = is_weights(info, *text) ? as_weights(info, *text) : as_choice(info, *text);
  }
  if (auto* list = std::get_if<TextList>(&value)) {
    for (std::string& text : *list) text = as_choice(info, text);
  }
  if (auto* map = std::get_if<TextMap>(&value)) {
    for (auto& [name, text] : *map) text = as_choice(info, text);
  }
}

tl::unexpected<Error> not_a_choice(const OptionInfo& info, std::string_view text) {
  const std::string_view near = nearest_name(text, info.choices);
  if (near.empty()) return not_allowed(info, text);
  return fail(StatusCode::kInvalidArgument, "{}={} (did you mean '{}'? must be {})", info.name,
              shortened(text), near, allowed_text(info));
}

Status check_text(const OptionInfo& info, std::string_view text) {
  if (text.find('\0') != std::string_view::npos) {
    return fail(StatusCode::kInvalidArgument, "{} holds a NUL byte", info.name);
  }
  if (is_weights(info, text)) {
    ASSAY_RETURN_IF_ERROR(parse_label_weights(info.name, text));
    return {};
  }
  if (!is_choice(info, text)) return not_a_choice(info, text);
  if (info.kind != OptionKind::kText) return {};
  if (info.required && text.empty()) return not_allowed(info, text);
  if (info.format == OptionFormat::kName && !text.empty()) return check_name(info.name, text);
  return {};
}

// The kind's own check, once the alternative is the right one.
Status check_kind(const OptionInfo& info, const OptionValue& value) {
  return std::visit(
      Overloaded{[&](double number) -> Status {
                   if (std::isfinite(number) && in_range(info.range, number)) return {};
                   return not_allowed(info, number_text(number));
                 },
                 [&](int64_t number) -> Status {
                   if (in_range(info.range, static_cast<double>(number))) return {};
                   return not_allowed(info, std::to_string(number));
                 },
                 [](bool) -> Status { return {}; },
                 [&](const std::string& text) -> Status { return check_text(info, text); },
                 [&](const TextList& list) -> Status {
                   for (const std::string& text : list)
                     ASSAY_RETURN_IF_ERROR(check_text(info, text));
                   return {};
                 },
                 [&](const TextMap& map) -> Status {
                   for (const auto& [name, text] : map) {
                     const Status status = check_text(info, text);
                     if (!status) return fail_with(status.error(), name);
                   }
                   return {};
                 }},
      value);
}

Result<TextMap> parse_map(const OptionInfo& info, std::string_view text) {
  TextMap map;
  for (const std::string_view part : comma_parts(text)) {
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return fail(StatusCode::kInvalidArgument, "{}={} (must be name=value, name=value, ...)",
                  info.name, shortened(text));
    }
    const auto [place, added] = map.emplace(std::string(trimmed(part.substr(0, equals))),
                                            std::string(trimmed(part.substr(equals + 1))));
    if (!added) {
      return fail(StatusCode::kInvalidArgument, "{}: '{}' is given twice", info.name, place->first);
    }
  }
  return map;
}

// Reads the text in the option's kind into `value`, not yet checked against range and choices.
Status read_kind(const OptionInfo& info, std::string_view text, OptionValue& value) {
  const auto keep = [&](const auto& read) -> Status {
    if (!read) return not_allowed(info, text);
    value = *read;
    return {};
  };
  if (info.format == OptionFormat::kDuration) return keep(parse_duration(text));
  if (info.format == OptionFormat::kBytes) return keep(parse_bytes(text));
  switch (info.kind) {
    case OptionKind::kNumber:
      return keep(read_number(text));
    case OptionKind::kInteger:
      return keep(read_integer(text));
    case OptionKind::kBoolean:
      if (text.size() > 5) return not_allowed(info, text);
      value = lower_case(text) == "true";
      if (!std::get<bool>(value) && lower_case(text) != "false") return not_allowed(info, text);
      return {};
    case OptionKind::kText:
      value.emplace<std::string>(text);
      return {};
    case OptionKind::kTextList: {
      auto& list = value.emplace<TextList>();
      for (const std::string_view part : comma_parts(text)) list.emplace_back(part);
      return {};
    }
    case OptionKind::kTextMap:
      break;
  }
  auto map = parse_map(info, text);
  if (!map) return tl::unexpected<Error>(std::move(map.error()));
  value.emplace<TextMap>(std::move(*map));
  return {};
}

}  // namespace

std::string range_text(const OptionRange& range) {
  const bool has_low = std::isfinite(range.low);
  const bool has_high = std::isfinite(range.high);
  if (has_low && has_high && !range.low_open && !range.high_open) {
    return bound_text(range.low) + ".." + bound_text(range.high);
  }
  std::string text;
  if (has_low) text = (range.low_open ? "> " : ">= ") + bound_text(range.low);
  if (has_low && has_high) text += " and ";
  if (has_high) text += (range.high_open ? "< " : "<= ") + bound_text(range.high);
  return text;
}

std::string value_text(const OptionInfo& info, const OptionValue& value) {
  return std::visit(
      Overloaded{[&](double number) {
                   return info.format == OptionFormat::kDuration && number != 0
                              ? format_duration(number)
                              : number_text(number);
                 },
                 [&](int64_t number) {
                   return info.format == OptionFormat::kBytes && number != 0
                              ? format_bytes(number)
                              : std::to_string(number);
                 },
                 [](bool flag) { return std::string(flag ? "true" : "false"); },
                 [](const std::string& text) { return text; },
                 [](const TextList& list) { return fmt::format("[{}]", fmt::join(list, ", ")); },
                 [](const TextMap& map) {
                   std::string text;
                   for (const auto& [name, type] : map) {
                     text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", name, type);
                   }
                   return "{" + text + "}";
                 }},
      value);
}

Result<OptionValue> parse_value(const OptionInfo& info, std::string_view text) {
  OptionValue value;
  ASSAY_RETURN_IF_ERROR(read_kind(info, text, value));
  spell_choices(info, value);
  ASSAY_RETURN_IF_ERROR(check_kind(info, value));
  return value;
}

Result<OptionValue> check_value(const OptionInfo& info, const OptionValue& value) {
  OptionValue converted = value;
  if (info.kind == OptionKind::kNumber) {
    if (const auto* integer = std::get_if<int64_t>(&value)) {
      converted = static_cast<double>(*integer);
    }
  } else if (info.kind == OptionKind::kInteger) {
    if (const auto* number = std::get_if<double>(&value)) {
      const std::optional<int64_t> integer = whole_number(*number);
      if (!integer) return not_allowed(info, number_text(*number));
      converted = *integer;
    }
  }
  const bool has_units =
      info.format == OptionFormat::kDuration || info.format == OptionFormat::kBytes;
  if (has_units && std::holds_alternative<std::string>(value)) {
    return parse_value(info, std::get<std::string>(value));
  }
  if (converted.index() != static_cast<size_t>(info.kind)) {
    return not_allowed(info, value_text(info, value));
  }
  spell_choices(info, converted);
  ASSAY_RETURN_IF_ERROR(check_kind(info, converted));
  return converted;
}

const OptionInfo* find_option(const std::vector<OptionInfo>& options, std::string_view name) {
  const auto found = std::find_if(options.begin(), options.end(),
                                  [name](const OptionInfo& option) { return option.name == name; });
  return found == options.end() ? nullptr : &*found;
}

tl::unexpected<Error> unknown_option(const std::vector<OptionInfo>& options,
                                     std::string_view name) {
  std::vector<std::string_view> names;
  for (const OptionInfo& option : options) names.push_back(option.name);
  return fail(StatusCode::kInvalidArgument, "unknown option '{}'{}", shortened(name),
              name_hint(name, names));
}

}  // namespace assay::automl
