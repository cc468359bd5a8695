// Lists of runs as tables, JSON and CSV, for the commands that print some.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tracking/catalog.h"

namespace assay::automl::cli {

struct RunTableStyle {
  int width = 0;       // of the terminal; 0: as wide as need be
  bool ascii = false;  // curves without Unicode
};

// A line for each run, with a column for each of `shown` (the fields that `rows` have values of).
// Where that is too wide for the terminal, less important columns are left out, then cells are cut.
std::string run_table(const std::vector<tracking::RunRow>& rows,
                      std::span<const tracking::RunField> shown, const RunTableStyle& style);

// An array of objects on one line; `values` of each has the fields of `shown`.
std::string run_rows_json(const std::vector<tracking::RunRow>& rows,
                          std::span<const tracking::RunField> shown);

// RFC 4180, with a line of names.
std::string run_rows_csv(const std::vector<tracking::RunRow>& rows,
                         std::span<const tracking::RunField> shown);

// "12.5 s", or "-" for a run that has not ended.
std::string run_duration_text(const tracking::RunInfo& info);
// A value as tables show it: numbers with six digits; "-" if it is missing.
std::string cell_text(const std::optional<tracking::Value>& value);

}  // namespace assay::automl::cli
