// Columns whose levels get numbers from targets (models/level_targets.h): categories of more levels
// than bins can tell apart, and moments whose days come again, so that rows of a day can have
// something in common that no other column says. The rule makes the codes of a column's rows;
// fitted with the encoder, without looking at the target, and saved in the model.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "automl/models/model_file.h"
#include "automl/preprocess/input_column.h"
#include "datasets/table.h"
#include "kernels/base/status.h"

namespace assay::automl {

// Outputs of a column below kOwnNumber are places for numbers from targets, -1 being the first.
inline constexpr int32_t kFirstTargetOutput = -1;
inline constexpr int32_t kMostLevelParts = 8;

struct LevelKeyOptions {
  int32_t parts = 0;  // numbers of each level; 0: there are no level keys
  // Categories of more levels than this, whose levels have kLeastLevelRows rows on average.
  int32_t more_levels_than = 253;
  // Columns that are none, such as the one that orders the rows in time.
  std::vector<std::string> except;
};
inline constexpr double kLeastLevelRows = 2;
inline constexpr double kLeastDayRows = 5;
inline constexpr size_t kFewestDays = 10;

struct LevelKeyRule {
  int32_t column = 0;        // of the encoder
  std::vector<double> days;  // of moments: since 1970, ascending; of categories: empty

  int32_t code_count(const InputColumn& wanted) const;
  // Of a column's rows, read by its contract; of moments appended to `owned`.
  std::span<const int32_t> codes(const ColumnCells& cells,
                                 std::list<std::vector<int32_t>>& owned) const;
  bool operator==(const LevelKeyRule&) const = default;
};

// The rule for a column that stands at `index` of the encoder; nothing if it is no key.
std::optional<LevelKeyRule> level_key_of(const datasets::Column& column, int32_t index,
                                         const LevelKeyOptions& options);

void save_level_keys(std::span<const LevelKeyRule> keys, ModelWriter writer);
// Fails: data.
Result<std::vector<LevelKeyRule>> load_level_keys(const ModelReader& reader,
                                                  std::span<const InputColumn> columns);

}  // namespace assay::automl
