#include "backends/cpu/grow_tree_partition.h"

#include <algorithm>

namespace assay::backends::cpu {
namespace {

// Few enough that a chunk's bins stay in the second-level cache for the histogram that follows.
constexpr int64_t kChunkRows = 4096;
constexpr int64_t kAhead = 64;
}  // namespace

void fill_sides(const SplitChoice& split, uint8_t* goes_left) {
  for (int32_t bin = 0; bin < 256; ++bin) {
    const auto code = static_cast<uint8_t>(bin);
    bool left = code <= split.threshold;
    if (code == kernels::kMissingBin) left = split.missing_left;
    if (split.categorical) left = split.set.contains(code);
    goes_left[bin] = left ? 1 : 0;
  }
}

RowDivision::RowDivision(const kernels::BinnedView& bins, const SplitChoice& split,
                         std::span<uint32_t> rows, std::span<uint32_t> scratch)
    : cells_(bins, split.feature),
      rows_(rows),
      scratch_(scratch),
      left_counts_(
          static_cast<size_t>(chunk_count_of(static_cast<int64_t>(rows.size()), kChunkRows))),
      left_offsets_(left_counts_.size()) {
  fill_sides(split, goes_left_);
}

void RowDivision::divide(int64_t chunk) {
  const ChunkRange range = chunk_range(static_cast<int64_t>(rows_.size()), kChunkRows, chunk);
  const uint32_t* rows = rows_.data();
  uint32_t* left = scratch_.data() + range.begin;
  uint32_t* right = scratch_.data() + range.end - 1;
  for (int64_t i = range.begin; i < range.end; ++i) {
    if (i + kAhead < range.end)
      __builtin_prefetch(cells_.first + int64_t{rows[i + kAhead]} * cells_.stride);
    const uint32_t row = rows[i];
    const std::ptrdiff_t to_left = goes_left_[cells_.of(row)];
    // Both are written; the wrong one is overwritten by the next row of its side.
    *left = row;
    *right = row;
    left += to_left;
    right -= 1 - to_left;
  }
  left_counts_[static_cast<size_t>(chunk)] = left - (scratch_.data() + range.begin);
}

std::span<const uint32_t> RowDivision::left_rows(int64_t chunk) const {
  const ChunkRange range = chunk_range(static_cast<int64_t>(rows_.size()), kChunkRows, chunk);
  return scratch_.subspan(static_cast<size_t>(range.begin),
                          static_cast<size_t>(left_counts_[static_cast<size_t>(chunk)]));
}

std::span<const uint32_t> RowDivision::right_rows(int64_t chunk) const {
  const ChunkRange range = chunk_range(static_cast<int64_t>(rows_.size()), kChunkRows, chunk);
  const int64_t begin = range.begin + left_counts_[static_cast<size_t>(chunk)];
  return scratch_.subspan(static_cast<size_t>(begin), static_cast<size_t>(range.end - begin));
}

int64_t RowDivision::count_left() {
  left_total_ = 0;
  for (size_t i = 0; i < left_counts_.size(); ++i) {
    left_offsets_[i] = left_total_;
    left_total_ += left_counts_[i];
  }
  return left_total_;
}

void RowDivision::place(int64_t chunk) {
  const std::span<const uint32_t> left = left_rows(chunk);
  const std::span<const uint32_t> right = right_rows(chunk);
  const int64_t left_before = left_offsets_[static_cast<size_t>(chunk)];
  const int64_t right_before = left_total_ + chunk * kChunkRows - left_before;
  std::copy(left.begin(), left.end(), rows_.begin() + left_before);
  std::reverse_copy(right.begin(), right.end(), rows_.begin() + right_before);
}

}  // namespace assay::backends::cpu
