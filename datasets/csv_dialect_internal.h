// What a CSV file's first bytes tell: delimiter, header, names, and a sample of its records.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/column_types.h"
#include "datasets/csv_reader.h"

namespace assay::datasets {

using Record = std::vector<std::string>;

struct CsvDialect {
  char delimiter = ',';
  bool has_header = true;
  std::vector<std::string> names;  // of all columns
  int64_t data_offset = 0;         // where the first record of data begins in the head
  int64_t data_line = 1;           // and its line, from 1
  std::vector<Record> sample;      // the first records of data, without the header
};

// The start of a file.
struct CsvHead {
  std::string_view text;
  bool whole = false;  // it is all of the file
};

// More bytes than this without a whole first record are an error.
inline constexpr int64_t kMaxHeaderBytes = 16 << 20;
inline constexpr int64_t kMaxColumns = 100000;

// Fails: data, with `name` for the file, if it is empty, of another format, or its header is bad;
// invalid_argument for a bad delimiter; resource_exhausted if the head holds no whole record (ask
// again with more).
Result<CsvDialect> detect_dialect(const CsvHead& head, const CsvOptions& options,
                                  const MissingTokens& missing, const std::string& name);

// Up to `limit` whole records, empty lines left out. `text` must end in LF. `*used`, if given, is
// the number of bytes read.
std::vector<Record> split_records(std::string_view text, char delimiter, int64_t limit,
                                  int64_t* used = nullptr);

}  // namespace assay::datasets
