// A chunk of rows is divided in one pass: left rows to the front of its part of the scratch, right
// rows to the end, the wrong way round. A second pass copies every chunk's two parts to their
// places.
#include "backends/cpu/grow_tree_partition.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace assay::backends::cpu {
namespace {

constexpr int64_t kChunkRows = 16384;
constexpr int64_t kPrefetchRows = 24;

int64_t divide(const RowRule& rule, std::span<const uint32_t> rows, uint32_t* left,
               uint32_t* right_end) {
  const auto count = static_cast<int64_t>(rows.size());
  uint32_t* right = right_end;
  uint32_t* front = left;
  for (int64_t i = 0; i < count; ++i) {
    if (i + kPrefetchRows < count) {
      __builtin_prefetch(rule.cells +
                         int64_t{rows[static_cast<size_t>(i + kPrefetchRows)]} * rule.width);
    }
    const uint32_t row = rows[static_cast<size_t>(i)];
    const bool goes_left = rule.goes_left[rule.cells[int64_t{row} * rule.width]];
    *front = row;
    *(right - 1) = row;
    front += goes_left ? 1 : 0;
    right -= goes_left ? 0 : 1;
  }
  return front - left;
}

}  // namespace

void fill_sides(const SplitChoice& split, bool* goes_left) {
  for (int32_t bin = 0; bin < 256; ++bin) {
    const auto code = static_cast<uint8_t>(bin);
    if (split.categorical) {
      goes_left[bin] = split.set.contains(code);
    } else {
      goes_left[bin] = code == kernels::kMissingBin ? split.missing_left : code <= split.threshold;
    }
  }
}

RowRule::RowRule(const kernels::BinnedView& bins, const SplitChoice& split)
    : cells(bins.bins + bins.cell_offset(0, split.feature)),
      width(bins.block_width(split.feature / kernels::kBlockWidth)) {
  fill_sides(split, goes_left);
}

Result<int64_t> partition_rows(Executor& executor, const RowRule& rule, std::span<uint32_t> rows,
                               std::span<uint32_t> scratch) {
  const auto count = static_cast<int64_t>(rows.size());
  const int64_t chunks = chunk_count_of(count, kChunkRows);
  std::vector<int64_t> left_counts(static_cast<size_t>(chunks) + 1, 0);
  const auto divide_chunk = [&](int64_t chunk, int) {
    const ChunkRange range = chunk_range(count, kChunkRows, chunk);
    left_counts[static_cast<size_t>(chunk) + 1] =
        divide(rule,
               rows.subspan(static_cast<size_t>(range.begin),
                            static_cast<size_t>(range.end - range.begin)),
               scratch.data() + range.begin, scratch.data() + range.end);
  };
  const auto place_chunk = [&](int64_t chunk, int) {
    const ChunkRange range = chunk_range(count, kChunkRows, chunk);
    const int64_t left_before = left_counts[static_cast<size_t>(chunk)];
    const int64_t left_count = left_counts[static_cast<size_t>(chunk) + 1] - left_before;
    const int64_t right_before = left_counts.back() + (range.begin - left_before);
    uint32_t* from = scratch.data() + range.begin;
    std::copy_n(from, left_count, rows.data() + left_before);
    std::reverse_copy(from + left_count, scratch.data() + range.end, rows.data() + right_before);
  };
  ASSAY_RETURN_IF_ERROR(executor.parallel_for(chunks, divide_chunk));
  for (size_t i = 1; i < left_counts.size(); ++i) left_counts[i] += left_counts[i - 1];
  ASSAY_RETURN_IF_ERROR(executor.parallel_for(chunks, place_chunk));
  return left_counts.back();
}

}  // namespace assay::backends::cpu
