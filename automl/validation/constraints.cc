#include "automl/validation/constraints.h"

#include <algorithm>
#include <map>
#include <optional>

#include "datasets/column_types.h"
#include "kernels/base/names.h"

namespace assay::automl {
namespace {

constexpr size_t kMostGroups = 63;

// Finds columns among the encoder's, and notes those that are not there.
class ColumnFinder {
 public:
  ColumnFinder(const FeatureEncoder& encoder, std::span<const std::string> excluded,
               std::vector<std::string>& notes)
      : encoder_(encoder), excluded_(excluded), notes_(notes) {}

  // Its place, or nothing (with a note) if it is no feature for reasons of its values.
  Result<std::optional<size_t>> find(std::string_view option, const std::string& name) {
    const auto& columns = encoder_.columns();
    for (size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].name == name) return i;
    }
    if (std::find(excluded_.begin(), excluded_.end(), name) != excluded_.end()) {
      return fail(StatusCode::kConfig, "{}: column '{}' is not a feature", option, name);
    }
    const auto& dropped = encoder_.dropped();
    const bool known =
        std::any_of(dropped.begin(), dropped.end(),
                    [&](const DroppedColumn& column) { return column.name == name; });
    if (!known) {
      std::vector<std::string> names;
      for (const InputColumn& column : columns) names.push_back(column.name);
      return fail(StatusCode::kConfig, "{}: no column '{}'{}", option, name,
                  name_hint(name, std::span<const std::string>(names)));
    }
    notes_.push_back(fmt::format("{}: column '{}' is not used, so it keeps to that", option, name));
    return std::nullopt;
  }

 private:
  const FeatureEncoder& encoder_;
  std::span<const std::string> excluded_;
  std::vector<std::string>& notes_;
};

Status read_monotone(const DataOptions& data, const FeatureEncoder& encoder, ColumnFinder& finder,
                     Constraints& constraints) {
  const auto& features = encoder.features();
  if (!data.monotone.empty()) constraints.monotone.assign(features.size(), 0);
  for (const auto& [name, direction] : data.monotone) {
    ASSAY_ASSIGN_OR_RETURN(const std::optional<size_t> place, finder.find("data.monotone", name));
    if (!place) continue;
    const datasets::ColumnType type = encoder.columns()[*place].type;
    if (type != datasets::ColumnType::kNumeric && type != datasets::ColumnType::kBoolean) {
      return fail(StatusCode::kConfig, "data.monotone: column '{}' is {} (must be numeric)", name,
                  datasets::name_of(type));
    }
    for (size_t f = 0; f < features.size(); ++f) {
      if (features[f].column != static_cast<int32_t>(*place)) continue;
      constraints.monotone[f] = static_cast<int8_t>(direction == "increasing" ? 1 : -1);
    }
  }
  return {};
}

// Columns that are not named are one more group.
Status read_interactions(const DataOptions& data, const FeatureEncoder& encoder,
                         ColumnFinder& finder, Constraints& constraints) {
  if (data.interactions.empty()) return {};
  std::map<std::string_view, uint64_t> groups;
  for (const auto& [name, group] : data.interactions) groups.emplace(group, 0);
  if (groups.size() > kMostGroups) {
    return fail(StatusCode::kConfig, "data.interactions: {} groups (must be at most {})",
                groups.size(), kMostGroups);
  }
  uint64_t bit = 1;
  for (auto& [group, bits] : groups) {
    bits = bit;
    bit <<= 1;
  }
  std::vector<uint64_t> of_column(encoder.columns().size(), bit);
  for (const auto& [name, group] : data.interactions) {
    ASSAY_ASSIGN_OR_RETURN(const std::optional<size_t> place,
                           finder.find("data.interactions", name));
    if (place) of_column[*place] = groups.at(group);
  }
  for (const Feature& feature : encoder.features()) {
    constraints.interactions.push_back(of_column[static_cast<size_t>(feature.column)]);
  }
  return {};
}

}  // namespace

Result<Constraints> read_constraints(const DataOptions& data, const FeatureEncoder& encoder,
                                     std::span<const std::string> excluded) {
  Constraints constraints;
  ColumnFinder finder(encoder, excluded, constraints.notes);
  ASSAY_RETURN_IF_ERROR(read_monotone(data, encoder, finder, constraints));
  ASSAY_RETURN_IF_ERROR(read_interactions(data, encoder, finder, constraints));
  return constraints;
}

}  // namespace assay::automl
