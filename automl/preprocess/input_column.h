// One column of a model's input contract, and how a table's column is read by it.
#pragma once

#include <cstdint>
#include <list>
#include <span>
#include <string>
#include <vector>

#include "datasets/table.h"
#include "kernels/base/status.h"

namespace assay::automl {

struct InputColumn {
  std::string name;
  datasets::ColumnType type = datasets::ColumnType::kNumeric;
  // Boolean: false's spelling, true's; categorical: all, sorted; text: none.
  std::vector<std::string> levels;
  bool had_missing = false;  // missing values occurred in training
  bool operator==(const InputColumn&) const = default;

  int32_t code_count() const {
    return static_cast<int32_t>(levels.size()) + datasets::kFirstLevelCode;
  }
};

// The cells of a column, as transforms read them: numbers, or codes into levels (level k has code
// k + kFirstLevelCode). Not owned.
struct ColumnCells {
  datasets::NumberView numbers = {};
  std::span<const std::string> levels = {};
  std::span<const int32_t> codes = {};
};

// Texts of a table whose column is of another type.
struct OwnTexts {
  std::vector<std::string> levels;
  std::vector<int32_t> codes;
};

// The numbers of `column` as `wanted` (numeric, boolean or datetime) has them: the column's own, or
// converted ones appended to `owned`. Strings are read as numbers or datetimes if all
// are, and as booleans with what is none of them missing. Fails: data, with the first row (from 1)
// whose value does not fit.
Result<datasets::NumberView> read_numbers(const datasets::Column& column, const InputColumn& wanted,
                                          std::list<datasets::NumberColumn>& owned);

// The codes of `column` in the levels of `wanted` (categorical); levels it has not are kUnseenCode.
// Fails: data if the column holds datetimes.
Result<std::span<const int32_t>> read_codes(const datasets::Column& column,
                                            const InputColumn& wanted,
                                            std::list<std::vector<int32_t>>& owned);

// The texts of `column`: its own, or its numbers and booleans as they are spelled, kept in `owned`.
// Fails: data if the column holds datetimes.
Result<ColumnCells> read_texts(const datasets::Column& column, const InputColumn& wanted,
                               OwnTexts& owned);

}  // namespace assay::automl
