// Divides a node's rows between its children, each side in the order it had.
#pragma once

#include <span>

#include "backends/cpu/grow_tree_rules.h"
#include "kernels/device.h"

namespace assay::backends::cpu {

// The rule of one split, with the column it reads.
struct RowRule {
  const uint8_t* cells = nullptr;  // of the feature in row 0
  int64_t width = 0;               // bytes from one row to the next
  bool goes_left[256] = {};

  RowRule(const kernels::BinnedView& bins, const SplitChoice& split);
};

// Whether a bin goes left under a split, for all 256.
void fill_sides(const SplitChoice& split, bool* goes_left);

// Puts the rows that go left first. `scratch` is as long as `rows`. Returns how many go left.
Result<int64_t> partition_rows(Executor& executor, const RowRule& rule, std::span<uint32_t> rows,
                               std::span<uint32_t> scratch);

}  // namespace assay::backends::cpu
