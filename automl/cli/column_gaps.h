// Counts what a table to predict has where training had values: missing cells, and levels that
// training did not know. Both are predicted, but who asks should know how many there are.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "automl/preprocess/input_column.h"
#include "datasets/table.h"

namespace assay::automl::cli {

struct ColumnGaps {
  std::string column;
  int64_t missing = 0;  // cells without a value
  int64_t unseen = 0;   // cells with a level, or a boolean's value, that is unknown
  std::string example;  // the first unseen one
};

// Not thread-safe. `columns` must outlive it.
class GapCounter {
 public:
  explicit GapCounter(const std::vector<InputColumn>& columns);
  // The first columns of `table` are those of the contract, in order.
  void add(const datasets::Table& table);
  // Columns that have any, most cells first.
  std::vector<ColumnGaps> gaps() const;

 private:
  const std::vector<InputColumn>& columns_;
  std::vector<ColumnGaps> gaps_;
};

// [{"column", "missing", "unseen"}], JSON text for --json.
nlohmann::ordered_json gaps_json(const std::vector<ColumnGaps>& gaps);

// "missing cells: 'age' 12, 'city' 3" and "unseen levels: ..."; at most two lines, each of at most
// five columns.
std::vector<std::string> gap_notes(const std::vector<ColumnGaps>& gaps);

}  // namespace assay::automl::cli
