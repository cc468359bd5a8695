// Table: typed columns in memory, built once (by csv_reader or a TableBuilder), then immutable and
// shared by everything that reads it: `std::shared_ptr<const Table>`. Owns its memory. Numbers
// stand in as few bytes as they need (number_column.h) and read as doubles. Reading is thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/number_column.h"
#include "kernels/base/status.h"

namespace assay::datasets {

enum class ColumnType {
  kNumeric,      // numbers[row], NaN where missing
  kBoolean,      // numbers[row] 0 or 1, NaN where missing; `levels` holds the two spellings met,
                 // false first
  kDatetime,     // numbers[row] seconds since 1970-01-01T00:00:00 UTC, NaN where missing
  kCategorical,  // codes[row] into levels
  kText,         // codes[row] into levels too; levels are (nearly) as many as rows: text or an id
};

// "numeric", "boolean", "datetime", "categorical", "text".
std::string_view name_of(ColumnType type);
Result<ColumnType> parse_column_type(std::string_view name);

// Reserved codes of categorical and text columns. Level k of `levels` has code
// k + kFirstLevelCode. A level that a fitted model has not seen becomes kUnseenCode there.
inline constexpr int32_t kMissingCode = 0;
inline constexpr int32_t kUnseenCode = 1;
inline constexpr int32_t kFirstLevelCode = 2;

// Cells of a file that do not fit their column's type and were read as missing.
struct Misfits {
  int64_t count = 0;
  int64_t line = 0;  // of the first one's record, from 1; 0: not known
  std::string text;  // the first one
};

struct Column {
  std::string name;
  ColumnType type = ColumnType::kNumeric;
  NumberColumn numbers;             // numeric, boolean, datetime: one a row; else empty
  std::vector<int32_t> codes;       // categorical, text: one a row; else empty
  std::vector<std::string> levels;  // distinct values, sorted by their bytes
  int64_t missing_count = 0;
  bool all_integers = false;  // numeric: every value present is a whole number
  Misfits misfits;            // numeric, boolean, datetime: among the missing
  // Numeric, where the reader was asked for it: the first spelling of each distinct number.
  std::map<double, std::string> spellings;

  bool is_numbers() const { return type != ColumnType::kCategorical && type != ColumnType::kText; }
  int64_t row_count() const {
    return static_cast<int64_t>(is_numbers() ? numbers.size() : codes.size());
  }
};

// "data.csv:12: column 'age': 'abc' is no numeric value and counts as missing, as do 3 more of
// 4000". `values` is the number of cells that are not missing, misfits included.
std::string misfit_note(const std::string& source, const Column& column, int64_t values);

class Table {
 public:
  // Fails: invalid_argument if columns differ in length, two have the same name, or a code is out
  // of range. `source` is what messages call the table (a path); `content_hash` is the SHA-256 of
  // the uncompressed file bytes, or empty for a table that was never a file.
  static Result<std::shared_ptr<const Table>> make(std::vector<Column> columns, std::string source,
                                                   std::string content_hash);

  int64_t row_count() const { return row_count_; }
  int64_t column_count() const { return static_cast<int64_t>(columns_.size()); }
  const std::vector<Column>& columns() const { return columns_; }
  const std::string& source() const { return source_; }
  const std::string& content_hash() const { return content_hash_; }
  // Bytes held by the columns.
  int64_t byte_count() const;

  // The column's index, or -1.
  int64_t find(std::string_view name) const;
  // Fails: data, naming the table and the nearest column name.
  Result<const Column*> column(std::string_view name) const;

 private:
  Table() = default;
  std::vector<Column> columns_;
  std::string source_;
  std::string content_hash_;
  int64_t row_count_ = 0;
};

}  // namespace assay::datasets
