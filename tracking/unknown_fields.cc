#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "kernels/base/names.h"
#include "tracking/unknown_fields_internal.h"

namespace assay::tracking {
namespace {

bool has_values(const RunTable& table, const RunColumn& column) {
  for (size_t row = 0; row < column.size(); ++row) {
    if (column.kind(row) != CellKind::kNone && table.alive(row)) return true;
  }
  return false;
}

// Parameters, tags and metrics that some run has; of each the key, and what queries call it.
struct Known {
  std::vector<std::string> keys{};
  std::vector<std::string> names{};
};

Known known_fields(const RunTable& table) {
  Known known;
  for (const RunField& field : table.fields()) {
    if (field.group == FieldGroup::kRun || field.group > FieldGroup::kMetricLast) continue;
    known.keys.push_back(field.key);
    known.names.push_back(field_text(field));
  }
  return known;
}

// The nearest of all; else the one whose key is near, although it is a tag and no parameter, say.
std::string_view nearest_field(const RunField& field, const Known& known) {
  const std::string_view near =
      nearest_name(field_text(field), std::span<const std::string>(known.names));
  if (!near.empty()) return near;
  const auto same = std::find(known.keys.begin(), known.keys.end(), field.key);
  const std::string_view key =
      same != known.keys.end() ? std::string_view(*same)
                               : nearest_name(field.key, std::span<const std::string>(known.keys));
  const auto at = std::find(known.keys.begin(), known.keys.end(), key);
  if (at == known.keys.end()) return {};
  return known.names[static_cast<size_t>(at - known.keys.begin())];
}

// `metrics.auc.max` where there is `metrics.auc`: what is written max(metrics.auc) here.
std::string statistic_hint(const RunField& field, std::span<const std::string> known) {
  constexpr std::array<std::string_view, 10> kStatistics = {
      "last", "min", "max", "count", "avg", "mean", "median", "std", "sum", "first"};
  const size_t point = field.key.rfind('.');
  if (field.group != FieldGroup::kMetricLast || point == std::string::npos) return {};
  const std::string statistic = lower_case(field.key.substr(point + 1));
  const std::string metric = field_text({FieldGroup::kMetricLast, field.key.substr(0, point)});
  const auto at = std::find(kStatistics.begin(), kStatistics.end(), statistic);
  if (at == kStatistics.end() || std::find(known.begin(), known.end(), metric) == known.end()) {
    return {};
  }
  if (at - kStatistics.begin() < 4) {
    return fmt::format(" (did you mean {}({})?)", statistic, metric);
  }
  return fmt::format(" (there are last({0}), min({0}), max({0}) and count({0}))", metric);
}

}  // namespace

Result<std::vector<std::string>> unknown_field_notes(RunTable& table,
                                                     std::span<const RunField> fields) {
  std::vector<std::string> notes;
  std::optional<Known> known;
  std::set<std::string> noted;
  for (RunField field : fields) {
    if (field.group == FieldGroup::kRun) continue;
    ASSAY_ASSIGN_OR_RETURN(const RunColumn* column, table.column(field));
    if (has_values(table, *column)) continue;
    if (!known) known = known_fields(table);
    if (field.group > FieldGroup::kMetricLast) field.group = FieldGroup::kMetricLast;
    const std::string name = field_text(field);
    if (!noted.insert(name).second) continue;
    std::string hint = statistic_hint(field, known->names);
    const std::string_view near = nearest_field(field, *known);
    if (hint.empty() && !near.empty() && near != name) {
      hint = fmt::format(" (did you mean {}?)", near);
    }
    notes.push_back(fmt::format("no run has {}{}", name, hint));
  }
  return notes;
}

}  // namespace assay::tracking
