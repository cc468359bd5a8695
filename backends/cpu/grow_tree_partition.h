// Divides a node's rows between its children, each side in the order it had.
//
// Rows are taken in chunks, in two steps that each can run in parallel over chunks. `divide` puts a
// chunk's left rows at the front of its part of the scratch and its right rows at the end, the
// wrong way round, where both can be read at once; `place` copies them to where they belong.
#pragma once

#include <span>
#include <vector>

#include "backends/cpu/grow_tree_rules.h"
#include "kernels/base/executor.h"

namespace assay::backends::cpu {

// Whether a bin goes left under a split, for all 256.
void fill_sides(const SplitChoice& split, uint8_t* goes_left);

// One feature's bins by row: from its column if there is one, else from the blocks.
struct FeatureCells {
  FeatureCells(const kernels::BinnedView& bins, int32_t feature)
      : first(bins.columns != nullptr ? bins.columns + feature * bins.row_count
                                      : bins.bins + bins.cell_offset(0, feature)),
        stride(bins.columns != nullptr ? 1 : bins.block_width(feature / kernels::kBlockWidth)) {}
  uint8_t of(uint32_t row) const { return first[int64_t{row} * stride]; }
  const uint8_t* first;  // in row 0
  int64_t stride;        // bytes from one row to the next
};

class RowDivision {
 public:
  // `scratch` is as long as `rows`. All must outlive the division.
  RowDivision(const kernels::BinnedView& bins, const SplitChoice& split, std::span<uint32_t> rows,
              std::span<uint32_t> scratch);

  int64_t row_count() const { return static_cast<int64_t>(rows_.size()); }
  int64_t chunk_count() const { return static_cast<int64_t>(left_counts_.size()); }
  void divide(int64_t chunk);
  // A divided chunk's rows of one side, until it is placed.
  std::span<const uint32_t> left_rows(int64_t chunk) const;
  std::span<const uint32_t> right_rows(int64_t chunk) const;
  // After all chunks were divided and before any is placed: the number of rows that go left.
  int64_t count_left();
  void place(int64_t chunk);

 private:
  FeatureCells cells_;
  uint8_t goes_left_[256];
  std::span<uint32_t> rows_;
  std::span<uint32_t> scratch_;
  std::vector<int64_t> left_counts_;   // of each chunk
  std::vector<int64_t> left_offsets_;  // left rows of the chunks before
  int64_t left_total_ = 0;
};

}  // namespace assay::backends::cpu
