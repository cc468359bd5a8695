// Parses one block of whole records into column parts. Pure: depends on the plan and the text
// alone, so blocks parse in parallel. Buffers are kept between uses.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "datasets/column_types.h"
#include "datasets/level_table_internal.h"
#include "datasets/misfit_tally_internal.h"
#include "datasets/record_feed_internal.h"
#include "datasets/spelling_table_internal.h"

namespace assay::datasets {

enum class ParseMode : uint8_t { kSkip, kNumber, kDatetime, kString };

struct FieldPlan {
  ParseMode mode = ParseMode::kSkip;
  // A value that does not fit is an error (a string column must then be boolean); else it is NaN
  // and counted among the misfits.
  bool strict = false;
  // A number beyond the range of double is an error; else it is noted.
  bool finite = false;
  bool spelled = false;  // kNumber: keep how distinct numbers are spelled
  int32_t slot = 0;      // among the number (kNumber, kDatetime) or string slots
};

// Shared by all blocks of a batch.
struct BlockPlan {
  char delimiter = ',';
  const MissingTokens* missing = nullptr;
  std::vector<FieldPlan> fields;  // one for each column of the file
  int32_t number_slots = 0;
  int32_t string_slots = 0;
};

// Something at a place in a block.
struct BlockNote {
  int64_t line = -1;  // LF bytes in the block before the record; -1: nothing
  int32_t field = 0;
  std::string text;
};

class ParsedBlock {
 public:
  int64_t row_count() const { return row_count_; }
  int64_t newline_count() const { return newline_count_; }
  // [row_count], NaN where missing.
  const double* numbers(int32_t slot) const { return numbers_.get() + slot * stride_; }
  // [row_count], ids in levels(slot), -1 where missing.
  const int32_t* codes(int32_t slot) const { return codes_.get() + slot * stride_; }
  const LevelTable& levels(int32_t slot) const { return levels_[static_cast<size_t>(slot)]; }
  // What did not fit in a number slot. Its line counts the LF bytes in the block before the record.
  const MisfitTally& misfits(int32_t slot) const { return misfits_[static_cast<size_t>(slot)]; }
  const SpellingTable& spellings(int32_t slot) const {
    return spellings_[static_cast<size_t>(slot)];
  }
  // Whether a number slot met digits that begin with a 0 that no number needs (padded_digits).
  bool padded(int32_t slot) const { return (noted_[static_cast<size_t>(slot)] & kPadded) != 0; }
  // The first number of each number slot that is not finite.
  const std::vector<BlockNote>& not_finite() const { return not_finite_; }
  // The first error: its text says what is wrong. What comes after it was not parsed.
  const BlockNote& error() const { return error_; }
  int64_t byte_count() const;

 private:
  friend class BlockParser;
  std::unique_ptr<double[]> numbers_;
  std::unique_ptr<int32_t[]> codes_;
  int64_t number_capacity_ = 0;
  int64_t code_capacity_ = 0;
  int64_t stride_ = 0;
  int64_t row_count_ = 0;
  int64_t newline_count_ = 0;
  std::vector<LevelTable> levels_;
  static constexpr uint8_t kInfinite = 1;  // not_finite_ has a note
  static constexpr uint8_t kGathered = 2;  // misfits or spellings
  static constexpr uint8_t kPadded = 4;
  // Of the number slots.
  std::vector<uint8_t> noted_;
  std::vector<MisfitTally> misfits_;
  std::vector<SpellingTable> spellings_;
  std::vector<BlockNote> not_finite_;
  BlockNote error_;
};

// LF bytes in the block before record `row`, which is one of those that parse_block counts.
int64_t newlines_before(const TextBlock& block, char delimiter, int64_t row);

// Overwrites `out`.
void parse_block(const BlockPlan& plan, const TextBlock& block, ParsedBlock& out);

}  // namespace assay::datasets
