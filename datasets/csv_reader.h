// Reads delimiter-separated text into a typed Table: RFC 4180 quotes with embedded newlines, plain
// or gzip (told by its first bytes), UTF-8 with or without a byte order mark. The path may be a
// pipe, and "-" is standard input. The file is read in blocks, never mapped; blocks are parsed in
// parallel, and the result does not depend on threads or block size.
//
// What the text means
// - A record ends with LF or CR LF; empty lines are skipped, also in a table of one column. A lone
//   CR is part of its field.
// - A field that begins with a quote is quoted, and "" inside is one quote. Between the closing
//   quote and the delimiter there may be blanks, which are left out; other text there is an error,
//   as RFC 4180 has it (Python's csv and pandas append it, which hides a quote that was not
//   doubled). A quote elsewhere in a field is an ordinary character. Quoting does not make a number
//   a string.
// - Missing: the empty field and the missing tokens (blanks around them ignored).
// - Delimiter, if not given: comma, semicolon, tab or |, whichever splits the first lines evenly.
// - Header, if not told: the first record is one if it holds the names that are expected (at least
//   half of CsvOptions::expected_names), and if it names a column (with what is no number,
//   datetime or missing token) below which there are only numbers or datetimes, or if it counts
//   0,1,2,... over at least four columns. It is none if it holds a number or datetime otherwise. In
//   a table of strings it is one unless it repeats a name or most of its fields occur again in
//   their own columns.
// - An empty header field k (from 1) is named `column_<k>`; without a header all are.
// - A column of numbers of which more than a few are padded digits ("01", padded_digits()) holds
//   codes and is categorical, unless it has so many distinct values that it would be text.
// - Types are inferred over the whole file (column_types.h). A column whose cells are numbers (or
//   datetimes) but for very few keeps that type: misfits_are_few() is the rule, the other cells
//   count as missing, and Column::misfits tells of them. Otherwise numbers mixed with other strings
//   are categorical in their original spelling. In a numeric column a number beyond the range of
//   double or an infinity is an error.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "datasets/table.h"
#include "kernels/base/clock.h"
#include "kernels/base/executor.h"
#include "kernels/base/status.h"

namespace assay::datasets {

struct CsvOptions {
  std::optional<char> delimiter;   // any ASCII character but quote, CR, LF, NUL
  std::optional<bool> has_header;  // empty: detected
  // Empty: MissingTokens::defaults(). The empty field is always missing.
  std::optional<std::vector<std::string>> missing_tokens;
  // Types of columns by name. A value that does not fit is an error.
  std::vector<std::pair<std::string, ColumnType>> column_types;
  std::vector<std::string> drop;          // columns to leave out
  std::vector<std::string> only_columns;  // empty: all; the table keeps the file's order
  // Fill Column::spellings of these, where they are numeric with at most 10,000 distinct numbers.
  // Names that are not there are ignored.
  std::vector<std::string> spelled_columns;
  // Columns that are asked for by name somewhere: what tells a header.
  std::vector<std::string> expected_names;
  int64_t max_bytes = 0;  // planned bound of memory; 0: none
  // Told now and then what share of the file the first pass has read, 0..1 and rising; 0 until the
  // end for a pipe. On the calling thread; may be empty.
  std::function<void(double)> on_progress;
  int64_t block_bytes = 256 << 10;  // unit of parallel work, >= 1; does not change the result
};

// Reads the whole file. `content_hash` of the table is the SHA-256 of the uncompressed bytes.
// Fails: not_found or io, if it cannot be read or is a folder; data, naming file, line and column,
//        for a wrong number of fields, duplicate names, invalid UTF-8, NUL bytes, an unclosed
//        quote, a truncated .gz, no rows; invalid_argument for a bad option or an unknown column in
//        the options; resource_exhausted if it needs more than max_bytes; cancelled; io if the file
//        changed while it was read.
Result<std::shared_ptr<const Table>> read_csv(const std::string& path, const CsvOptions& options,
                                              Executor& executor, const StopToken& stop);

// The names of all columns, in file order, from the header and a look at the first records. Of
// `options` those on text count. Fails: as read_csv for what it looks at.
Result<std::vector<std::string>> read_csv_names(const std::string& path, const CsvOptions& options);

}  // namespace assay::datasets
