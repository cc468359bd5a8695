// The inner loop of histograms: adds rows of one block of features to their bins.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backends/cpu/grow_tree_rules.h"

namespace assay::backends::cpu {

// The searched features of one block of a BinnedView, and where their bins are in a histogram.
struct ColumnGroup {
  const uint8_t* cells = nullptr;  // of the block
  int64_t width = 0;               // bytes from one row to the next
  int64_t row_count = 0;
  // Bins of a block are numbered through: feature by feature, below 64 * 255. Column j of `columns`
  // has its bin 0 at number starts[columns[j]]; columns that are not searched have 0 there.
  std::vector<uint16_t> columns;
  std::vector<uint16_t> starts;  // [width, padded to whole vectors]
  // Words of the histogram that belong to the group.
  int64_t begin = 0;
  int64_t end = 0;
};

// Adds every row's word (see grow_tree_rules.h) to its bin of each column, in gradient mode or
// class mode; `words` is where the group begins.
void accumulate_rows(const GainRules& rules, const ColumnGroup& group,
                     std::span<const uint32_t> rows, const uint32_t* packed, int64_t* words);

// The same for several trees in gradient mode at once: the word of bin b and tree k is
// words[b * lanes + k], and packed [rows.size(), lanes] goes with `rows`. `lanes`: 4 or 8.
void accumulate_lanes(const ColumnGroup& group, std::span<const uint32_t> rows,
                      const uint32_t* packed, int32_t lanes, int64_t* words);

}  // namespace assay::backends::cpu
