// Streams a CSV file as successive Tables with given columns and types, so that a file larger than
// memory can be scored. Text rules are those of csv_reader.h.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/csv_reader.h"

namespace assay::datasets {

// A column that the caller needs, as a model's input contract names it.
struct ColumnSpec {
  std::string name;
  ColumnType type = ColumnType::kNumeric;
};

// One file being read. Not thread-safe. Owns the open file and its buffers: some ten
// times `table_bytes` at most, whatever the file's size.
class CsvBlocks {
 public:
  // Reads the header. Of `options`, column_types, drop and only_columns are not used; `table_bytes`
  // is about how much text goes into one Table.
  // Fails: as read_csv; data if a column of `columns` is not in the file (all of them are named).
  static Result<std::unique_ptr<CsvBlocks>> open(const std::string& path,
                                                 const std::vector<ColumnSpec>& columns,
                                                 const CsvOptions& options,
                                                 int64_t table_bytes = 8 << 20);
  virtual ~CsvBlocks() = default;

  // The next rows in file order, columns in the order of `columns`; null at the end of the file.
  // A categorical or text column holds the levels met in these rows; a boolean's two levels are
  // spellings met in these rows or their opposites. A file without rows gives null at once.
  // A cell of a numeric or datetime column that does not fit counts as missing as long as it is the
  // only one of its column beside others that fit, or such cells are few (misfits_are_few), among
  // the rows so far, counted after each table: a batch of ten rows is not refused for one cell, but
  // a column of another kind is.
  // In a boolean column what is no boolean is missing however often it occurs, as an unseen level
  // of a category would be: Column::misfits counts it.
  // Fails: as read_csv; data if misfits are more than a few.
  virtual Result<std::shared_ptr<const Table>> next(Executor& executor, const StopToken& stop) = 0;
  // All column names in the file.
  virtual const std::vector<std::string>& names() const = 0;
  // Rows given out so far.
  virtual int64_t row_count() const = 0;
  // An error (data) about a cell of the last table, with its place: "new.csv:12: column 'age':
  // ...". `column` counts as in `columns`.
  virtual Error error_at(int64_t row, size_t column, std::string_view what) const = 0;
  // misfit_note() of each column that had misfits so far.
  virtual std::vector<std::string> misfit_notes() const = 0;
};

}  // namespace assay::datasets
