// The column to be predicted, as learners want it: class codes or numbers for the rows that have a
// target, and what kind of task it is.
//
// Which task: strings and booleans classify; numbers that are not all whole regress; whole numbers
// classify if at most 10 are distinct, else regress. Two classes are binary.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "datasets/table.h"
#include "datasets/task.h"

namespace assay::datasets {

// Immutable after extraction; owns its memory.
struct Target {
  std::string name;
  Task task = Task::kRegression;
  bool task_was_given = false;
  // Why this task, for people: "10 or fewer whole numbers (3)".
  std::string reason;
  // Rows of the table that have a target, ascending. `codes` and `values` run over these.
  std::vector<uint32_t> rows;
  int64_t missing_count = 0;  // rows left out
  // Classification: sorted as numbers if all are numbers, else by bytes; a boolean's false comes
  // first. A numeric column's labels are spelled as the file first spells them
  // (Column::spellings), else shortest decimals ("1", "0.5").
  std::vector<std::string> labels;
  std::vector<int32_t> codes;   // classification: index into labels
  std::vector<double> values;   // regression
  std::vector<int64_t> counts;  // classification: rows of each label

  bool classifies() const { return task != Task::kRegression; }
  int64_t class_count() const { return static_cast<int64_t>(labels.size()); }
};

inline constexpr int64_t kMaxClasses = 10000;
inline constexpr int64_t kMaxIntegerClasses = 10;

// Fails: data if there is no such column (nearest name given), all targets are missing or equal,
// the column is text (an id or free text) and `task` is not given, a regression target is no
// number, there are more than kMaxClasses classes, or `task` is binary and there are more than two.
Result<Target> extract_target(const Table& table, const std::string& name,
                              std::optional<Task> task = std::nullopt);

// The label that a class has for a number: shortest decimal that reads back the same.
std::string number_label(double value);

}  // namespace assay::datasets
