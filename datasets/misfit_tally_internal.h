// Counts the cells of a column that do not fit its type, and remembers the first one and how many
// distinct texts there are. Plain value.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/column_types.h"

namespace assay::datasets {

class MisfitTally {
 public:
  void clear() { *this = {}; }
  // True for the first cell: its place() is then wanted.
  bool add(std::string_view text) {
    if (++count_ == 1) text_ = text;
    note_distinct(text);
    return count_ == 1;
  }
  void place(int64_t line) { line_ = line; }
  // Adds what was met behind it; `first_line` is added to its line.
  void merge(const MisfitTally& later, int64_t first_line) {
    if (later.count_ == 0) return;
    if (count_ == 0) {
      text_ = later.text_;
      line_ = first_line + later.line_;
    }
    count_ += later.count_;
    for (const std::string& text : later.distinct_) note_distinct(text);
  }

  int64_t count() const { return count_; }
  int64_t line() const { return line_; }
  const std::string& text() const { return text_; }
  // Distinct texts; counted up to one more than are tolerated.
  int64_t distinct_count() const { return static_cast<int64_t>(distinct_.size()); }
  // More distinct texts than any number of rows could excuse.
  bool hopeless() const { return distinct_count() > kMaxDistinctMisfits; }

 private:
  void note_distinct(std::string_view text) {
    if (hopeless() || std::find(distinct_.begin(), distinct_.end(), text) != distinct_.end()) {
      return;
    }
    distinct_.emplace_back(text);
  }

  int64_t count_ = 0;
  int64_t line_ = 0;
  std::string text_;
  std::vector<std::string> distinct_;
};

}  // namespace assay::datasets
