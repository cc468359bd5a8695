// Columns that teach nothing, or too much: those that say what another one says, those that number
// the rows, and those that hold the answer. Looked for before training, so that people hear of it
// by name. Pure functions of the table; thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/table.h"
#include "datasets/target.h"
#include "kernels/base/clock.h"
#include "kernels/base/executor.h"
#include "kernels/base/status.h"

namespace assay::datasets {

// Whether all rows have one and the same value: none is missing.
bool is_constant(const Column& column);

// For each of the columns `among` (numbers of columns of the table) the first one before it in the
// list that tells the rows apart in the same way, else -1: equal numbers, equal texts, or levels of
// categories that stand for each other one to one. Missing values count as a value. O(cells).
// Fails: cancelled; as Executor::parallel_for.
Result<std::vector<int64_t>> find_duplicates(const Table& table, std::span<const size_t> among,
                                             Executor& executor, const StopToken* stop = nullptr);

// Whether a column numbers the rows: at least 50 whole numbers, each another one, none missing,
// that fill at least half of their range. Quantities do not come so by chance; moments may.
bool numbers_rows(const Column& column);

// Whether each row has another whole number, of at least 100 rows, none missing: what ids are that
// are drawn or taken from a longer list. Not days, like 20240131. Quantities of a wide range may be
// so by chance: it says something only of a column that ends_in_id.
bool differs_by_row(const Column& column);

// Whether a name is one that ids and row numbers have: "id", "index", "row", "Unnamed: 0", "no",
// ...; "customer_id", "PassengerId".
bool is_id_name(std::string_view name);
// The part of these that are no ordinary words: "id", "ids", "rowid", "customer_id", "PassengerId".
bool ends_in_id(std::string_view name);

// A column that alone tells the target nearly without error.
struct AnsweringColumn {
  size_t column = 0;  // of the table
  // Classification: shares of the rows whose class is the most frequent one among those of the same
  // level (of numbers: of the same ten rows or so in order), and of the most frequent class at all.
  // Regression: share of the variance that means of such groups explain, or a straight line through
  // the column's numbers, or one through its ranks of the target's ranks; and 0.
  double share = 0;
  double without = 0;
  bool of_ranks = false;  // the share is of the variance of the target's ranks
};

// Classification: it leaves at most 1 % of the errors that always naming the most frequent class
// makes, of which there must be at least 20. Regression: at least 99.9 % of the variance. Looks at
// 20,000 rows at most, fewer of wide tables. Text columns are passed over.
// Fails: cancelled; as Executor::parallel_for.
Result<std::vector<AnsweringColumn>> find_answers(const Table& table, const Target& target,
                                                  std::span<const size_t> among, Executor& executor,
                                                  const StopToken* stop = nullptr);

// "column 'x' alone tells the target (99.9 % of the rows right, 62.0 % without it): does it hold
// what is to be predicted?"
std::string answer_text(const Table& table, const Target& target, const AnsweringColumn& answer);

}  // namespace assay::datasets
