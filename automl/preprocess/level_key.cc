#include "automl/preprocess/level_key.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "automl/preprocess/calendar.h"

namespace assay::automl {
namespace {

using datasets::Column;
using datasets::ColumnType;

double day_of(double seconds) { return std::floor(seconds / kDaySeconds); }

// Levels that occur.
int64_t used_levels(const Column& column) {
  std::vector<uint8_t> seen(column.levels.size() + datasets::kFirstLevelCode, 0);
  for (const int32_t code : column.codes) seen[static_cast<size_t>(code)] = 1;
  return std::count(seen.begin() + datasets::kFirstLevelCode, seen.end(), 1);
}

std::vector<double> days_of(const Column& column) {
  std::vector<double> days;
  column.numbers.for_each([&](double seconds) {
    if (std::isfinite(seconds)) days.push_back(day_of(seconds));
  });
  std::sort(days.begin(), days.end());
  days.erase(std::unique(days.begin(), days.end()), days.end());
  return days;
}

}  // namespace

int32_t LevelKeyRule::code_count(const InputColumn& wanted) const {
  if (days.empty()) return wanted.code_count();
  return static_cast<int32_t>(days.size()) + datasets::kFirstLevelCode;
}

std::span<const int32_t> LevelKeyRule::codes(const ColumnCells& cells,
                                             std::list<std::vector<int32_t>>& owned) const {
  if (days.empty()) return cells.codes;
  std::vector<int32_t>& codes = owned.emplace_back();
  codes.reserve(cells.numbers.size());
  double last = std::numeric_limits<double>::quiet_NaN();  // rows of a day often stand together
  int32_t last_code = datasets::kMissingCode;
  cells.numbers.for_each([&](double seconds) {
    if (std::isnan(seconds)) {
      codes.push_back(datasets::kMissingCode);
      return;
    }
    if (const double day = day_of(seconds); day != last) {
      const auto at = std::lower_bound(days.begin(), days.end(), day);
      const bool known = at != days.end() && *at == day;
      last_code = known ? static_cast<int32_t>(at - days.begin()) + datasets::kFirstLevelCode
                        : datasets::kUnseenCode;
      last = day;
    }
    codes.push_back(last_code);
  });
  return codes;
}

std::optional<LevelKeyRule> level_key_of(const Column& column, int32_t index,
                                         const LevelKeyOptions& options) {
  const auto& except = options.except;
  if (options.parts == 0 || std::find(except.begin(), except.end(), column.name) != except.end()) {
    return std::nullopt;
  }
  const auto rows = static_cast<double>(column.row_count() - column.missing_count);
  if (column.type == ColumnType::kCategorical) {
    if (column.levels.size() <= static_cast<size_t>(options.more_levels_than)) return std::nullopt;
    const int64_t levels = used_levels(column);
    const bool many = levels > options.more_levels_than;
    if (!many || rows < kLeastLevelRows * static_cast<double>(levels)) return std::nullopt;
    return LevelKeyRule{index, {}};
  }
  if (column.type != ColumnType::kDatetime) return std::nullopt;
  std::vector<double> days = days_of(column);
  if (days.size() < kFewestDays || rows < kLeastDayRows * static_cast<double>(days.size())) {
    return std::nullopt;
  }
  return LevelKeyRule{index, std::move(days)};
}

void save_level_keys(std::span<const LevelKeyRule> keys, ModelWriter writer) {
  if (keys.empty()) return;
  std::vector<int32_t> columns;
  std::vector<double> days;
  std::vector<int64_t> ends;
  for (const LevelKeyRule& key : keys) {
    columns.push_back(key.column);
    days.insert(days.end(), key.days.begin(), key.days.end());
    ends.push_back(static_cast<int64_t>(days.size()));
  }
  writer.put_tensor("columns", std::span<const int32_t>(columns));
  writer.put_tensor("days", std::span<const double>(days));
  writer.put_tensor("day_ends", std::span<const int64_t>(ends));
}

Result<std::vector<LevelKeyRule>> load_level_keys(const ModelReader& reader,
                                                  std::span<const InputColumn> inputs) {
  std::vector<LevelKeyRule> keys;
  if (!reader.has("columns")) return keys;
  ASSAY_ASSIGN_OR_RETURN(const auto columns, reader.tensor<int32_t>("columns"));
  ASSAY_ASSIGN_OR_RETURN(const auto days, reader.tensor<double>("days"));
  ASSAY_ASSIGN_OR_RETURN(const auto ends,
                         reader.tensor<int64_t>("day_ends", static_cast<int64_t>(columns.size())));
  int64_t begin = 0;
  for (size_t i = 0; i < columns.size(); ++i) {
    const bool placed = columns[i] >= 0 && static_cast<size_t>(columns[i]) < inputs.size() &&
                        (i == 0 || columns[i] > columns[i - 1]) && ends[i] >= begin &&
                        ends[i] <= static_cast<int64_t>(days.size());
    if (!placed) return reader.damaged("level keys are out of order");
    LevelKeyRule key{columns[i], {days.begin() + begin, days.begin() + ends[i]}};
    begin = ends[i];
    const ColumnType type = inputs[static_cast<size_t>(key.column)].type;
    const bool moments = type == ColumnType::kDatetime && !key.days.empty() &&
                         std::all_of(key.days.begin(), key.days.end(),
                                     [](double day) { return std::isfinite(day); }) &&
                         std::adjacent_find(key.days.begin(), key.days.end(),
                                            std::greater_equal<>()) == key.days.end();
    const bool levels = type == ColumnType::kCategorical && key.days.empty();
    if (!moments && !levels) return reader.damaged(fmt::format("level key {} is not sound", i));
    keys.push_back(std::move(key));
  }
  return keys;
}

}  // namespace assay::automl
