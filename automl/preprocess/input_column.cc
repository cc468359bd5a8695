#include "automl/preprocess/input_column.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "datasets/column_types.h"
#include "datasets/target.h"

namespace assay::automl {
namespace {

using datasets::Column;
using datasets::ColumnType;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Text in a message: cut off where it is long.
std::string shown(std::string_view text) {
  return text.size() <= 40 ? std::string(text) : std::string(text.substr(0, 37)) + "...";
}

tl::unexpected<Error> misfit(const InputColumn& wanted, size_t row, std::string_view value) {
  return fail(StatusCode::kData, "column '{}', row {}: '{}' is no {} value", wanted.name, row + 1,
              shown(value), datasets::name_of(wanted.type));
}

std::optional<double> number_of(std::string_view text, ColumnType type) {
  double value = 0;
  switch (type) {
    case ColumnType::kBoolean:
      if (const auto flag = datasets::parse_boolean_value(text)) return *flag ? 1.0 : 0.0;
      return std::nullopt;
    case ColumnType::kDatetime:
      return datasets::parse_datetime(text);
    default:
      if (datasets::parse_number(text, value) == datasets::NumberKind::kFinite) return value;
      return std::nullopt;
  }
}

// Strings read as numbers, level by level. A third value of a boolean counts as missing, as an
// unseen level does.
Status convert_levels(const Column& column, const InputColumn& wanted, std::vector<double>& out) {
  std::vector<std::optional<double>> values;
  for (const std::string& level : column.levels) values.push_back(number_of(level, wanted.type));
  for (size_t row = 0; row < column.codes.size(); ++row) {
    const int32_t code = column.codes[row];
    if (code == datasets::kMissingCode) continue;
    const auto level = static_cast<size_t>(code - datasets::kFirstLevelCode);
    if (code < datasets::kFirstLevelCode) return misfit(wanted, row, "(an unseen level)");
    if (values[level]) {
      out[row] = *values[level];
    } else if (wanted.type != ColumnType::kBoolean) {
      return misfit(wanted, row, column.levels[level]);
    }
  }
  return {};
}

// As a file spells it.
std::string spelled(const Column& column, double value) {
  const bool named = column.type == ColumnType::kBoolean && column.levels.size() == 2;
  return named ? column.levels[value != 0 ? 1 : 0] : datasets::number_label(value);
}

// Numbers of another type: only those that mean the same.
Status convert_numbers(const Column& column, const InputColumn& wanted, std::vector<double>& out) {
  for (size_t row = 0; row < column.numbers.size(); ++row) {
    const double value = column.numbers[row];
    if (std::isnan(value)) continue;
    const bool zero_or_one = value == 0 || value == 1;
    const bool fits = wanted.type == ColumnType::kBoolean
                          ? column.type == ColumnType::kNumeric && zero_or_one
                          : false;
    if (!fits) return misfit(wanted, row, spelled(column, value));
    out[row] = value;
  }
  return {};
}

int32_t code_of(const std::vector<std::string>& levels, std::string_view level) {
  const auto at = std::lower_bound(levels.begin(), levels.end(), level);
  if (at == levels.end() || *at != level) return datasets::kUnseenCode;
  return static_cast<int32_t>(at - levels.begin()) + datasets::kFirstLevelCode;
}

tl::unexpected<Error> holds_datetimes(const InputColumn& wanted) {
  return fail(StatusCode::kData,
              "column '{}' holds datetimes, but the model was fitted on its text: read it as {}",
              wanted.name, datasets::name_of(wanted.type));
}

}  // namespace

Result<datasets::NumberView> read_numbers(const Column& column, const InputColumn& wanted,
                                          std::list<datasets::NumberColumn>& owned) {
  if (column.type == wanted.type) return column.numbers.view();
  std::vector<double> numbers(static_cast<size_t>(column.row_count()), kNaN);
  ASSAY_RETURN_IF_ERROR(column.is_numbers() ? convert_numbers(column, wanted, numbers)
                                            : convert_levels(column, wanted, numbers));
  return owned.emplace_back(numbers).view();
}

Result<std::span<const int32_t>> read_codes(const Column& column, const InputColumn& wanted,
                                            std::list<std::vector<int32_t>>& owned) {
  if (!column.is_numbers() && column.levels == wanted.levels) {
    return std::span<const int32_t>(column.codes);
  }
  std::vector<int32_t> codes(static_cast<size_t>(column.row_count()), datasets::kMissingCode);
  if (!column.is_numbers()) {
    std::vector<int32_t> map = {datasets::kMissingCode, datasets::kUnseenCode};
    for (const std::string& level : column.levels) map.push_back(code_of(wanted.levels, level));
    for (size_t row = 0; row < codes.size(); ++row) {
      codes[row] = map[static_cast<size_t>(column.codes[row])];
    }
  } else {
    for (size_t row = 0; row < codes.size(); ++row) {
      const double value = column.numbers[row];
      if (std::isnan(value)) continue;
      if (column.type == ColumnType::kDatetime) return holds_datetimes(wanted);
      codes[row] = code_of(wanted.levels, spelled(column, value));
    }
  }
  return std::span<const int32_t>(owned.emplace_back(std::move(codes)));
}

Result<ColumnCells> read_texts(const Column& column, const InputColumn& wanted, OwnTexts& owned) {
  if (!column.is_numbers()) return ColumnCells{{}, column.levels, column.codes};
  owned.levels.clear();
  owned.codes.assign(column.numbers.size(), datasets::kMissingCode);
  for (size_t row = 0; row < column.numbers.size(); ++row) {
    const double value = column.numbers[row];
    if (std::isnan(value)) continue;
    if (column.type == ColumnType::kDatetime) return holds_datetimes(wanted);
    owned.codes[row] = static_cast<int32_t>(owned.levels.size()) + datasets::kFirstLevelCode;
    owned.levels.push_back(spelled(column, value));
  }
  return ColumnCells{{}, owned.levels, owned.codes};
}

}  // namespace assay::automl
