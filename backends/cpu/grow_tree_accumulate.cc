// Rows are taken a few at a time. First the bin numbers of a row are made in vectors (cells plus
// the starts of the columns), which leaves one load and one add to memory for each cell. Tables of
// few columns do without.
#include "backends/cpu/grow_tree_accumulate.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "kernels/binned_view.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/grow_tree_accumulate.cc"
#include <hwy/foreach_target.h>  // NOLINT: compiles this file once for each target
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace assay::backends::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr size_t kBatch = 8;
constexpr size_t kAhead = 48;  // rows: as long as memory takes
// Histograms that are too large for the first-level cache are filled a tile of columns at a time,
// for so many rows whose bins stay in the second-level cache meanwhile.
constexpr size_t kTileBytes = 28 << 10;
constexpr size_t kTileRows = 4096;
constexpr size_t kPadded = kernels::kBlockWidth + HWY_MAX_BYTES;

// What the loops share, as plain pointers. Columns are those of a tile.
struct Loop {
  const uint8_t* cells;     // of the block
  size_t width;             // bytes from one row to the next
  size_t first;             // the tile's first column in the block
  size_t span;              // columns of the block from there to its last one
  const uint16_t* columns;  // in the block
  size_t column_count;
  const uint16_t* starts;
  size_t safe_rows;  // rows from here on are too near the end of the block for whole vectors
  const uint32_t* packed;
  int64_t* words;
};

Loop loop_of(const ColumnGroup& group, const uint32_t* packed, int64_t* words) {
  const auto unsafe = static_cast<int64_t>(HWY_MAX_BYTES) / group.width + 1;
  const auto width = static_cast<size_t>(group.width);
  return {group.cells,
          width,
          0,
          width,
          group.columns.data(),
          group.columns.size(),
          group.starts.data(),
          static_cast<size_t>(std::max<int64_t>(0, group.row_count - unsafe)),
          packed,
          words};
}

// Bin numbers of one row's columns.
HWY_INLINE void number_row(const Loop& loop, size_t row, uint16_t* numbers) {
  const hn::ScalableTag<uint16_t> d16;
  const hn::Rebind<uint8_t, decltype(d16)> d8;
  const uint8_t* cells = loop.cells + row * loop.width + loop.first;
  uint8_t copy[kPadded];
  if (row >= loop.safe_rows) {
    std::memset(copy, 0, sizeof(copy));
    std::memcpy(copy, cells, loop.span);
    cells = copy;
  }
  const uint16_t* starts = loop.starts + loop.first;
  for (size_t j = 0; j < loop.span; j += hn::Lanes(d16)) {
    const auto bins = hn::PromoteTo(d16, hn::LoadU(d8, cells + j));
    hn::StoreU(hn::Add(bins, hn::LoadU(d16, starts + j)), d16, numbers + j);
  }
}

// Adds `word` at stride `stride` words a bin, to all columns of the tile or those of its list.
template <bool kAll>
HWY_INLINE void add_row(const Loop& loop, const uint16_t* numbers, int64_t* words, size_t stride,
                        int64_t word) {
  const size_t count = loop.column_count;
  const auto at = [&](size_t j) HWY_ATTR -> int64_t& {
    return words[size_t{numbers[kAll ? j : loop.columns[j] - loop.first]} * stride];
  };
  size_t j = 0;
  for (; j + 4 <= count; j += 4) {
    at(j) += word;
    at(j + 1) += word;
    at(j + 2) += word;
    at(j + 3) += word;
  }
  for (; j < count; ++j) at(j) += word;
}

// kLanes: words a bin in class mode, 0 if not known when compiling; 1 is gradient mode.
template <bool kAll, size_t kLanes>
void add_rows(const Loop& loop, std::span<const uint32_t> rows, size_t lanes) {
  HWY_ALIGN uint16_t numbers[kBatch][kPadded];
  const size_t stride = kLanes == 0 ? lanes : kLanes;
  for (size_t i = 0; i < rows.size(); i += kBatch) {
    const size_t count = std::min(kBatch, rows.size() - i);
    if (i + kAhead + kBatch <= rows.size()) {
      for (size_t k = i + kAhead; k < i + kAhead + kBatch; ++k) {
        const uint8_t* cells = loop.cells + size_t{rows[k]} * loop.width;
        __builtin_prefetch(cells);
        __builtin_prefetch(cells + loop.width - 1);
        __builtin_prefetch(loop.packed + rows[k]);
      }
    }
    for (size_t k = 0; k < count; ++k) number_row(loop, rows[i + k], numbers[k]);
    for (size_t k = 0; k < count; ++k) {
      const uint32_t packed = loop.packed[rows[i + k]];
      if constexpr (kLanes == 1) {
        add_row<kAll>(loop, numbers[k], loop.words, 1, gradient_word(packed));
      } else {
        add_row<kAll>(loop, numbers[k], loop.words + class_of(packed), stride, class_word(packed));
      }
    }
  }
}

template <bool kAll>
void add_rows_of_mode(const Loop& loop, std::span<const uint32_t> rows, const GainRules& rules) {
  if (!rules.class_mode) return add_rows<kAll, 1>(loop, rows, 1);
  if (rules.lanes == 2) return add_rows<kAll, 2>(loop, rows, 2);
  return add_rows<kAll, 0>(loop, rows, static_cast<size_t>(rules.lanes));
}

void add_tile(const Loop& loop, std::span<const uint32_t> rows, const GainRules& rules) {
  if (loop.column_count == loop.span) {
    add_rows_of_mode<true>(loop, rows, rules);
  } else {
    add_rows_of_mode<false>(loop, rows, rules);
  }
}

// `whole` for columns [begin, end) of its list.
Loop tile_of(const Loop& whole, size_t begin, size_t end) {
  Loop tile = whole;
  tile.first = whole.columns[begin];
  tile.span = size_t{whole.columns[end - 1]} - tile.first + 1;
  tile.columns = whole.columns + begin;
  tile.column_count = end - begin;
  return tile;
}

void accumulate(const GainRules& rules, const ColumnGroup& group, std::span<const uint32_t> rows,
                const uint32_t* packed, int64_t* words) {
  const Loop whole = loop_of(group, packed, words);
  const auto bytes = static_cast<size_t>(group.end - group.begin) * sizeof(int64_t);
  const size_t tiles = rows.size() < kTileRows / 2 ? 1 : (bytes + kTileBytes - 1) / kTileBytes;
  if (tiles <= 1) return add_tile(whole, rows, rules);
  const size_t bin_bytes = sizeof(int64_t) * static_cast<size_t>(rules.lanes);
  for (size_t first = 0; first < rows.size(); first += kTileRows) {
    const auto part = rows.subspan(first, std::min(kTileRows, rows.size() - first));
    size_t begin = 0;
    for (size_t t = 1; t <= tiles && begin < whole.column_count; ++t) {
      size_t end = begin + 1;
      while (end < whole.column_count &&
             (t == tiles || whole.starts[whole.columns[end]] * bin_bytes < bytes * t / tiles)) {
        ++end;
      }
      add_tile(tile_of(whole, begin, end), part, rules);
      begin = end;
    }
  }
}

// Adds a row's words, kLanes trees in as many vectors as they need.
template <bool kAll, size_t kLanes>
void add_lanes(const Loop& loop, std::span<const uint32_t> rows) {
  const hn::CappedTag<int64_t, kLanes> d;
  const hn::Rebind<int32_t, decltype(d)> d32;
  constexpr size_t kStep = hn::MaxLanes(hn::CappedTag<int64_t, kLanes>());
  constexpr size_t kParts = kLanes / kStep;
  HWY_ALIGN uint16_t numbers[kPadded];
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i + kAhead < rows.size()) {
      const uint8_t* cells = loop.cells + size_t{rows[i + kAhead]} * loop.width;
      __builtin_prefetch(cells);
      __builtin_prefetch(cells + loop.width - 1);
    }
    number_row(loop, rows[i], numbers);
    hn::Vec<decltype(d)> added[kParts];
    const auto* packed = reinterpret_cast<const int32_t*>(loop.packed) + i * kLanes;
    for (size_t p = 0; p < kParts; ++p) {
      const auto bits = hn::LoadU(d32, packed + p * kStep);
      const auto gradients = hn::PromoteTo(d, hn::ShiftRight<16>(bits));
      const auto hessians = hn::PromoteTo(d, hn::And(bits, hn::Set(d32, 0xffff)));
      added[p] = hn::Add(hn::ShiftLeft<32>(gradients), hessians);
    }
    for (size_t j = 0; j < loop.column_count; ++j) {
      int64_t* at = loop.words + size_t{numbers[kAll ? j : loop.columns[j]]} * kLanes;
      for (size_t p = 0; p < kParts; ++p) {
        hn::StoreU(hn::Add(hn::LoadU(d, at + p * kStep), added[p]), d, at + p * kStep);
      }
    }
  }
}

void accumulate_trees(const ColumnGroup& group, std::span<const uint32_t> rows,
                      const uint32_t* packed, int32_t lanes, int64_t* words) {
  const Loop loop = loop_of(group, packed, words);
  const bool all = loop.column_count == loop.width;
  if (lanes == 4) {
    all ? add_lanes<true, 4>(loop, rows) : add_lanes<false, 4>(loop, rows);
  } else {
    all ? add_lanes<true, 8>(loop, rows) : add_lanes<false, 8>(loop, rows);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace assay::backends::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::backends::cpu {
namespace {

HWY_EXPORT(accumulate);
HWY_EXPORT(accumulate_trees);

// Few columns of a wide block: the vectors would mostly make numbers that nobody reads.
void accumulate_few(const GainRules& rules, const ColumnGroup& group,
                    std::span<const uint32_t> rows, const uint32_t* packed, int64_t* words) {
  constexpr size_t kAhead = 16;
  const size_t count = group.columns.size();
  const auto lanes = static_cast<size_t>(rules.lanes);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i + kAhead < rows.size()) {
      __builtin_prefetch(group.cells + int64_t{rows[i + kAhead]} * group.width +
                         group.columns.front());
      __builtin_prefetch(packed + rows[i + kAhead]);
    }
    const uint8_t* cells = group.cells + int64_t{rows[i]} * group.width;
    const uint32_t row = packed[rows[i]];
    const int64_t word = rules.class_mode ? class_word(row) : gradient_word(row);
    int64_t* lane = words + (rules.class_mode ? class_of(row) : 0);
    for (size_t j = 0; j < count; ++j) {
      const uint16_t column = group.columns[j];
      lane[(size_t{group.starts[column]} + cells[column]) * lanes] += word;
    }
  }
}

// Tables of no more columns take less time without vectors.
constexpr size_t kNarrow = 16;

// All columns of a block of kColumns, in gradient mode.
template <size_t kColumns>
void accumulate_narrow(const ColumnGroup& group, std::span<const uint32_t> rows,
                       const uint32_t* packed, int64_t* words) {
  constexpr size_t kAhead = 24;
  std::array<int64_t*, kColumns> sums;
  for (size_t j = 0; j < kColumns; ++j) sums[j] = words + group.starts[j];
  const auto add = [&](uint32_t row) {
    const uint8_t* cells = group.cells + size_t{row} * kColumns;
    const int64_t word = gradient_word(packed[row]);
    for (size_t j = 0; j < kColumns; ++j) sums[j][cells[j]] += word;
  };
  size_t i = 0;
  for (; i + kAhead < rows.size(); ++i) {
    __builtin_prefetch(group.cells + size_t{rows[i + kAhead]} * kColumns);
    __builtin_prefetch(packed + rows[i + kAhead]);
    add(rows[i]);
  }
  for (; i < rows.size(); ++i) add(rows[i]);
}

template <size_t... kLess>
void accumulate_narrow(std::index_sequence<kLess...>, const ColumnGroup& group,
                       std::span<const uint32_t> rows, const uint32_t* packed, int64_t* words) {
  const auto width = static_cast<size_t>(group.width);
  (void)((width == kLess + 1 && (accumulate_narrow<kLess + 1>(group, rows, packed, words), true)) ||
         ...);
}

}  // namespace

void accumulate_rows(const GainRules& rules, const ColumnGroup& group,
                     std::span<const uint32_t> rows, const uint32_t* packed, int64_t* words) {
  const auto width = static_cast<size_t>(group.width);
  if (width <= kNarrow && group.columns.size() == width && !rules.class_mode) {
    accumulate_narrow(std::make_index_sequence<kNarrow>(), group, rows, packed, words);
  } else if (group.columns.size() * 3 < width) {
    accumulate_few(rules, group, rows, packed, words);
  } else {
    HWY_DYNAMIC_DISPATCH(accumulate)(rules, group, rows, packed, words);
  }
}

void accumulate_lanes(const ColumnGroup& group, std::span<const uint32_t> rows,
                      const uint32_t* packed, int32_t lanes, int64_t* words) {
  HWY_DYNAMIC_DISPATCH(accumulate_trees)(group, rows, packed, lanes, words);
}

}  // namespace assay::backends::cpu
#endif  // HWY_ONCE
