// What a query can name about a run: an attribute (`status`), a parameter, a tag, or a number about
// a metric. Plain values.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace assay::tracking {

enum class FieldGroup : uint8_t {
  kRun,             // an attribute
  kParam,           // params.KEY
  kTag,             // tags.KEY
  kMetricLast,      // metrics.KEY, or last(metrics.KEY)
  kMetricLeast,     // min(metrics.KEY)
  kMetricGreatest,  // max(metrics.KEY)
  kMetricCount,     // count(metrics.KEY)
};
inline constexpr int kFieldGroups = 7;

struct RunField {
  FieldGroup group = FieldGroup::kRun;
  std::string key{};
  auto operator<=>(const RunField&) const = default;
};

// How the values of an attribute are compared.
enum class AttributeType : uint8_t {
  kText,      // as it is
  kCaseless,  // in ASCII lower case
  kNumber,
  kTime,      // nanoseconds since 1970 UTC; literals are dates, times or ages ('2h')
  kDuration,  // seconds; literals are numbers or durations (90s, '5m')
};

struct AttributeInfo {
  std::string_view name;
  AttributeType type;
};

// run_id, parent, kind, name, experiment, user, status, message, metric, score, start_time,
// end_time, duration, dataset, device.
std::span<const AttributeInfo> run_attributes();
// nullptr if there is no such attribute.
const AttributeInfo* find_attribute(std::string_view name);

// As a query writes it: `params.lr`, `params."max depth"`, `max(metrics.auc)`.
std::string field_text(const RunField& field);

}  // namespace assay::tracking
