#include "tracking/run_field.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tracking/run_query_lexer_internal.h"

namespace assay::tracking {
namespace {

constexpr std::array<AttributeInfo, 15> kAttributes = {{
    {"run_id", AttributeType::kCaseless},
    {"parent", AttributeType::kCaseless},
    {"kind", AttributeType::kCaseless},
    {"name", AttributeType::kText},
    {"experiment", AttributeType::kCaseless},
    {"user", AttributeType::kText},
    {"status", AttributeType::kCaseless},
    {"message", AttributeType::kText},
    {"metric", AttributeType::kText},
    {"score", AttributeType::kNumber},
    {"start_time", AttributeType::kTime},
    {"end_time", AttributeType::kTime},
    {"duration", AttributeType::kDuration},
    {"dataset", AttributeType::kText},
    {"device", AttributeType::kText},
}};

// A key that the lexer reads back as one word; others are quoted.
std::string key_text(const std::string& key) {
  const bool plain = !key.empty() && std::all_of(key.begin(), key.end(), is_key_character) &&
                     key.back() != '.' && key.front() != '.';
  if (plain) return key;
  std::string quoted = "\"";
  for (const char c : key) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace

std::span<const AttributeInfo> run_attributes() { return kAttributes; }

const AttributeInfo* find_attribute(std::string_view name) {
  const auto it = std::find_if(kAttributes.begin(), kAttributes.end(),
                               [&](const AttributeInfo& info) { return info.name == name; });
  return it == kAttributes.end() ? nullptr : &*it;
}

std::string field_text(const RunField& field) {
  switch (field.group) {
    case FieldGroup::kRun:
      return field.key;
    case FieldGroup::kParam:
      return "params." + key_text(field.key);
    case FieldGroup::kTag:
      return "tags." + key_text(field.key);
    case FieldGroup::kMetricLast:
      return "metrics." + key_text(field.key);
    case FieldGroup::kMetricLeast:
      return fmt::format("min(metrics.{})", key_text(field.key));
    case FieldGroup::kMetricGreatest:
      return fmt::format("max(metrics.{})", key_text(field.key));
    case FieldGroup::kMetricCount:
      return fmt::format("count(metrics.{})", key_text(field.key));
  }
  return field.key;
}

}  // namespace assay::tracking
