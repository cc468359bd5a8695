#include "automl/config/config_schema.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "automl/config/experiment_config.h"
#include "automl/config/label_weights.h"
#include "automl/config/units.h"

namespace assay::automl {
namespace {

// Keeps keys in the order they are written, which is the order of the tables.
using Json = nlohmann::ordered_json;

constexpr const char* kDurationPattern =
    "^ *([0-9]+(\\.[0-9]*)?|"
    "(?=[0-9])([0-9]+(\\.[0-9]*)? *d *)?([0-9]+(\\.[0-9]*)? *h *)?([0-9]+(\\.[0-9]*)? *m(in)? *)?"
    "([0-9]+(\\.[0-9]*)? *s *)?([0-9]+(\\.[0-9]*)? *ms *)?)$";
constexpr const char* kBytesPattern =
    "^ *[0-9]+(\\.[0-9]*)? *([bB]|[kKmMgGtT]([iI]?[bB]|[iI])?)? *$";
constexpr const char* kNamePattern = "^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$";

void put_range(Json& schema, const OptionRange& range) {
  const auto number = [](double value) {
    if (value == 0x1p63) return Json(std::numeric_limits<int64_t>::max());
    const bool whole = std::floor(value) == value && std::abs(value) <= kLargestSize;
    return whole ? Json(static_cast<int64_t>(value)) : Json(value);
  };
  if (std::isfinite(range.low)) {
    schema[range.low_open ? "exclusiveMinimum" : "minimum"] = number(range.low);
  }
  if (std::isfinite(range.high)) {
    schema[range.high_open ? "exclusiveMaximum" : "maximum"] = number(range.high);
  }
}

// A number, or text with a unit.
Json unit_schema(const OptionInfo& info, const char* pattern, double most) {
  OptionRange range = info.range;
  range.low = std::max(range.low, 0.0);
  range.high = std::min(range.high, most);
  Json number = {{"type", "number"}};
  put_range(number, range);
  return {{"anyOf", Json::array({number, {{"type", "string"}, {"pattern", pattern}}})}};
}

// One text: any scalar, since 5 and true without quotes are read as text too.
Json text_schema(const OptionInfo& info) {
  if (!info.choices.empty()) {
    Json choices = Json::array();
    for (const std::string_view choice : info.choices) {
      choices.push_back(choice);
      if (choice == "true" || choice == "false") choices.push_back(choice == "true");
    }
    return {{"enum", choices}};
  }
  Json schema = {{"type", {"string", "number", "boolean"}}};
  if (info.format == OptionFormat::kName) {
    schema["pattern"] = kNamePattern;
    schema["minimum"] = 0;
  }
  if (info.required) schema["minLength"] = 1;
  return schema;
}

// Weights by label.
Json weights_schema() {
  Json weight = {{"type", "number"}};
  put_range(weight, {.low = kLeastLabelWeight, .high = kMostLabelWeight});
  return {{"type", "object"}, {"minProperties", 1}, {"additionalProperties", weight}};
}

// What a value of the option may be, without its description.
Json value_schema(const OptionInfo& info) {
  if (info.format == OptionFormat::kDuration) {
    return unit_schema(info, kDurationPattern, kLongestDuration);
  }
  if (info.format == OptionFormat::kBytes) return unit_schema(info, kBytesPattern, kLargestSize);
  Json schema;
  switch (info.kind) {
    case OptionKind::kNumber:
    case OptionKind::kInteger:
      schema["type"] = info.kind == OptionKind::kNumber ? "number" : "integer";
      put_range(schema, info.range);
      return schema;
    case OptionKind::kBoolean:
      return {{"type", "boolean"}};
    case OptionKind::kText:
      schema = text_schema(info);
      if (info.format == OptionFormat::kWeights)
        return {{"anyOf", Json::array({schema, weights_schema()})}};
      if (info.format != OptionFormat::kNames) return schema;
      return {{"anyOf",
               Json::array({schema, {{"type", "array"}, {"items", schema}, {"minItems", 1}}})}};
    case OptionKind::kTextList:
      return {{"type", "array"}, {"items", text_schema(info)}};
    case OptionKind::kTextMap:
      break;
  }
  return {{"type", "object"}, {"additionalProperties", text_schema(info)}};
}

Json default_json(const OptionInfo& info) {
  const bool has_unit =
      info.format == OptionFormat::kDuration || info.format == OptionFormat::kBytes;
  const std::string text = value_text(info, info.default_value);
  if (has_unit && text != "0") return text;
  return std::visit([](const auto& value) { return Json(value); }, info.default_value);
}

void describe(Json& schema, const OptionInfo& info) {
  schema["description"] = info.help;
  schema["default"] = default_json(info);
}

Json section_schema(const OptionGroup& group) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const OptionInfo& info : group.options) {
    Json schema = value_schema(info);
    describe(schema, info);
    properties[std::string(info.name)] = std::move(schema);
    // A required option with a default of its own may be left out.
    if (info.required && value_text(info, info.default_value).empty()) {
      required.push_back(info.name);
    }
  }
  Json schema = {{"type", required.empty() ? Json({"object", "null"}) : Json("object")},
                 {"description", group.help},
                 {"properties", std::move(properties)},
                 {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

// One parameter with its value or values.
Json condition_schema() {
  const Json scalar = {{"type", {"number", "boolean", "string"}}};
  const Json list = {{"type", "array"}, {"items", scalar}, {"minItems", 1}};
  return {{"type", "object"},
          {"minProperties", 1},
          {"maxProperties", 1},
          {"additionalProperties", {{"anyOf", Json::array({scalar, list})}}}};
}

// A value, a range or choices.
Json param_schema(const OptionInfo& info) {
  const Json value = value_schema(info);
  Json forms = Json::array({value});
  const Json when = {{"$ref", "#/definitions/condition"}};
  if (info.kind == OptionKind::kNumber || info.kind == OptionKind::kInteger) {
    forms.push_back(
        {{"type", "object"},
         {"properties",
          {{"min", value}, {"max", value}, {"log", {{"type", "boolean"}}}, {"when", when}}},
         {"required", {"min", "max"}},
         {"additionalProperties", false}});
  }
  const Json list = {{"type", "array"}, {"items", value}, {"minItems", 1}, {"uniqueItems", true}};
  forms.push_back({{"type", "object"},
                   {"properties", {{"choices", list}, {"when", when}}},
                   {"required", Json::array({"choices"})},
                   {"additionalProperties", false}});
  Json schema = {{"anyOf", std::move(forms)}};
  describe(schema, info);
  return schema;
}

Json learners_schema(std::span<const OptionGroup> learners) {
  Json names = Json::array();
  Json properties = Json::object();
  for (const OptionGroup& group : learners) {
    names.push_back(group.name);
    Json params = Json::object();
    for (const OptionInfo& info : group.options) {
      if (info.kind == OptionKind::kTextList || info.kind == OptionKind::kTextMap) continue;
      params[std::string(info.name)] = param_schema(info);
    }
    properties[std::string(group.name)] = {{"type", {"object", "null"}},
                                           {"description", group.help},
                                           {"properties", std::move(params)},
                                           {"additionalProperties", false}};
  }
  const Json list = {{"type", "array"},
                     {"items", {{"enum", std::move(names)}}},
                     {"minItems", 1},
                     {"uniqueItems", true}};
  const Json map = {{"type", "object"},
                    {"properties", std::move(properties)},
                    {"additionalProperties", false},
                    {"minProperties", 1}};
  return {{"description",
           "Learners to try, all if not given: names, or names with parameters, "
           "each a value, {min, max, log, when} or {choices, when}."},
          {"anyOf", Json::array({list, map, {{"type", "null"}}})}};
}

}  // namespace

std::string config_schema(std::span<const OptionGroup> learners) {
  Json schema;
  const ExperimentConfig config;
  Json required = Json::array();
  for_each_section(config, [&](const auto& section) {
    const OptionGroup& group = section.table().group();
    Json part = section_schema(group);
    if (!group.name.empty()) {
      if (part.contains("required")) required.push_back(group.name);
      schema["properties"][std::string(group.name)] = std::move(part);
      return;
    }
    schema = {{"$schema", "http://json-schema.org/draft-07/schema#"},
              {"title", "Assay config"},
              {"description", "What one assay run is asked to do."},
              {"type", "object"},
              {"additionalProperties", false},
              {"required", Json::array()},
              {"properties", std::move(part["properties"])}};
  });
  schema["required"] = std::move(required);
  schema["properties"]["learners"] = learners_schema(learners);
  schema["definitions"]["condition"] = condition_schema();
  return schema.dump(2) + "\n";
}

}  // namespace assay::automl
