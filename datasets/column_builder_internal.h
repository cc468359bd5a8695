// Gathers one column from parsed blocks and turns it into a Column. Builders of different columns
// may work at the same time.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "datasets/csv_block_internal.h"
#include "datasets/table.h"

namespace assay::datasets {

class ColumnBuilder {
 public:
  // `given`: the type is fixed. `field` is the column's place in the file. With `spelled` a numeric
  // column keeps how its numbers are spelled.
  ColumnBuilder(std::string name, int32_t field, ParseMode mode, std::optional<ColumnType> given,
                bool spelled = false);
  // How a column of a given type is parsed.
  static ParseMode mode_of(ColumnType type);

  const std::string& name() const { return name_; }
  int32_t field() const { return field_; }
  ParseMode mode() const { return mode_; }
  bool is_given() const { return given_.has_value(); }
  // Whether spellings are still wanted.
  bool spelled() const { return spelled_ && !spellings_.full(); }
  // Too many values did not fit the mode for the rest to matter: begin again with another one.
  bool failed() const { return failed_; }

  // Padded digits are numbers here: a pass over all levels has found that they are no codes.
  void take_padded_for_numbers() { padded_is_number_ = true; }

  // Rows to expect in all.
  void reserve(int64_t rows);
  // `first_line` is that of the block's first byte.
  void append(const ParsedBlock& block, int32_t slot, int64_t first_line);
  // Memory in use, with what finish() will need besides.
  int64_t byte_count() const;
  // Memory of a cell, as far as can be told from those that were appended.
  int64_t cell_bytes() const;

  // Type inferred from what was appended: for string columns from all levels.
  ColumnType type() const;
  // After a pass: the mode to read the column in once more, or the present one if that is right.
  // Strings that turn out to be numbers or datetimes with misfits or infinities are read as such:
  // that finds the lines.
  ParseMode better_mode() const;
  // Makes the column of this type; the builder is then empty.
  Column finish(ColumnType type);

 private:
  void append_numbers(const ParsedBlock& block, int32_t slot, int64_t first_line);
  void append_codes(const ParsedBlock& block, int32_t slot);
  // Whether so many values are padded digits that they are codes.
  bool holds_codes(std::span<const std::string_view> levels) const;
  StringSummary summary() const;
  // Whether all levels but a few slips are numbers (datetimes).
  bool nearly_all(ColumnType type) const;
  Column finish_levels(ColumnType type);
  Column finish_values(ColumnType type);
  void spell_boolean(Column& column) const;

  std::string name_;
  int32_t field_;
  ParseMode mode_;
  std::optional<ColumnType> given_;
  bool spelled_;
  bool failed_ = false;
  bool all_integers_ = true;
  bool padded_ = false;
  bool padded_is_number_ = false;
  int64_t missing_count_ = 0;
  NumberColumn numbers_;
  std::vector<int32_t> codes_;  // ids, -1 where missing
  LevelTable levels_;
  MisfitTally misfits_;
  SpellingTable spellings_;
  std::vector<int32_t> global_ids_;  // of one block's levels
};

}  // namespace assay::datasets
