#include "datasets/table.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "kernels/base/names.h"

namespace assay::datasets {
namespace {

constexpr std::array<std::string_view, 5> kTypeNames = {"numeric", "boolean", "datetime",
                                                        "categorical", "text"};

Status check_codes(const Column& column) {
  const auto limit = static_cast<int64_t>(column.levels.size()) + kFirstLevelCode;
  for (size_t row = 0; row < column.codes.size(); ++row) {
    const int32_t code = column.codes[row];
    if (code < 0 || code >= limit) {
      return fail(StatusCode::kInvalidArgument,
                  "column '{}': code {} in row {} (must be 0..{} for {} levels)", column.name, code,
                  row, limit - 1, column.levels.size());
    }
  }
  return {};
}

}  // namespace

std::string_view name_of(ColumnType type) { return kTypeNames[static_cast<size_t>(type)]; }

std::string misfit_note(const std::string& source, const Column& column, int64_t values) {
  const Misfits& misfits = column.misfits;
  const std::string place = misfits.line > 0 ? fmt::format("{}:{}", source, misfits.line) : source;
  const std::string more =
      misfits.count == 1 ? fmt::format(" (1 of {} values)", values)
                         : fmt::format(", as do {} more of {} values", misfits.count - 1, values);
  return fmt::format("{}: column '{}': '{}' is no {} value and counts as missing{}", place,
                     column.name, misfits.text, name_of(column.type), more);
}

Result<ColumnType> parse_column_type(std::string_view name) {
  for (size_t i = 0; i < kTypeNames.size(); ++i) {
    if (name == kTypeNames[i]) return static_cast<ColumnType>(i);
  }
  return fail(StatusCode::kInvalidArgument, "unknown column type '{}'{}", name,
              name_hint(name, std::span<const std::string_view>(kTypeNames)));
}

Result<std::shared_ptr<const Table>> Table::make(std::vector<Column> columns, std::string source,
                                                 std::string content_hash) {
  std::unordered_map<std::string_view, size_t> seen;
  for (size_t i = 0; i < columns.size(); ++i) {
    const Column& column = columns[i];
    if (const auto [at, fresh] = seen.emplace(column.name, i); !fresh) {
      return fail(StatusCode::kInvalidArgument, "columns {} and {} are both named '{}'",
                  at->second + 1, i + 1, column.name);
    }
    if (column.row_count() != columns[0].row_count()) {
      return fail(StatusCode::kInvalidArgument,
                  "column '{}' has {} rows, but column '{}' has {} (must be equal)", column.name,
                  column.row_count(), columns[0].name, columns[0].row_count());
    }
    if (!column.is_numbers()) ASSAY_RETURN_IF_ERROR(check_codes(column));
  }
  auto table = std::shared_ptr<Table>(new Table());
  table->row_count_ = columns.empty() ? 0 : columns[0].row_count();
  table->columns_ = std::move(columns);
  table->source_ = std::move(source);
  table->content_hash_ = std::move(content_hash);
  return std::shared_ptr<const Table>(std::move(table));
}

int64_t Table::byte_count() const {
  int64_t bytes = 0;
  for (const Column& column : columns_) {
    bytes += column.numbers.byte_count() +
             static_cast<int64_t>(column.codes.size() * sizeof(int32_t) +
                                  column.levels.size() * sizeof(std::string));
    for (const std::string& level : column.levels) {
      if (level.size() > 15) bytes += static_cast<int64_t>(level.capacity()) + 1;
    }
  }
  return bytes;
}

int64_t Table::find(std::string_view name) const {
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].name == name) return static_cast<int64_t>(i);
  }
  return -1;
}

Result<const Column*> Table::column(std::string_view name) const {
  if (const int64_t at = find(name); at >= 0) return &columns_[static_cast<size_t>(at)];
  std::vector<std::string> names;
  names.reserve(columns_.size());
  for (const Column& column : columns_) names.push_back(column.name);
  const std::string_view nearest = nearest_name(name, names);
  if (!nearest.empty()) {
    return fail(StatusCode::kData, "{}: no column '{}' (did you mean '{}'?)", source_, name,
                nearest);
  }
  return fail(StatusCode::kData, "{}: no column '{}' among its {} columns", source_, name,
              columns_.size());
}

}  // namespace assay::datasets
