// What is in a table, column by column: for `assay data describe` and for the run file. The same
// table gives the same profile on any machine.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "datasets/table.h"
#include "kernels/base/executor.h"
#include "kernels/base/status.h"

namespace assay::datasets {

struct ColumnProfile {
  std::string name;
  ColumnType type = ColumnType::kNumeric;
  int64_t row_count = 0;
  int64_t missing_count = 0;
  int64_t distinct_count = 0;  // without missing
  bool all_integers = false;
  // Numbers (numeric, boolean, datetime); NaN if there is no value.
  double min = 0;
  double max = 0;
  double mean = 0;
  double std = 0;  // of the population (divides by n)
  // At 0.05, 0.25, 0.5, 0.75, 0.95, linear between neighbours (type 7 of Hyndman and Fan).
  std::vector<double> quantiles;
  // Levels and their rows, most frequent first, ties by bytes; categorical, text and boolean.
  std::vector<std::pair<std::string, int64_t>> top_levels;
};

inline constexpr double kProfileQuantiles[] = {0.05, 0.25, 0.5, 0.75, 0.95};

struct TableProfile {
  std::string source;
  std::string content_hash;
  int64_t row_count = 0;
  std::vector<ColumnProfile> columns;
};

// A moment of a datetime column, to the second (UTC): "2024-01-31", or with the time of day if it
// is not midnight "2024-01-31 16:05:00"; parse_datetime reads it back. Not a number and moments
// outside the years 1..9999 give "-".
std::string datetime_text(double seconds);

// At most `top` levels a column.
ColumnProfile profile_column(const Column& column, int top = 10);
// Columns in parallel. Fails: only as Executor::parallel_for.
Result<TableProfile> profile_table(const Table& table, Executor& executor, int top = 10);

}  // namespace assay::datasets
