// What the kernels of grow_tree know of class mode: a side's sums over classes, in the order of
// operations of kernels/grow_tree.h, and how rows are counted by bin and class.
//
// A bin has a word for each class, (sum of weights << 32) + rows. A row's item (RowItem) holds the
// quantised weight where others have the gradient, and the class where they have the hessian.
#pragma once

#include <cstdint>

#include "backends/cuda/block.h"
#include "backends/cuda/tile_window.h"
#include "backends/cuda/tree_sums.h"

namespace assay::backends::cuda {

// That 64 KiB of shared memory have room for, with a word a bin.
inline constexpr int32_t kMostCountedClasses = 28;

// A side of a candidate, or a node; classes come one after the other, ascending.
struct ClassSide {
  double squares = 0;
  double total = 0;
  int64_t weight = 0;
  int64_t rows = 0;

  ASSAY_DEVICE void add(uint64_t word, double unit) {
    const double share = static_cast<double>(gradient_of(word)) * unit;
    squares += share * share;
    total += share;
    weight += gradient_of(word);
    rows += mass_of(word);
  }
  ASSAY_DEVICE double score() const { return total > 0 ? squares / total : 0.0; }
  ASSAY_DEVICE bool may_stand(const TreeRules& rules) const {
    return rows > 0 && static_cast<double>(rows) >= rules.min_child_samples &&
           static_cast<double>(weight) * rules.unit >= rules.min_child_weight;
  }
};

// By what levels of a category are sorted: of their words, that of the heaviest class and the sum
// over all classes.
ASSAY_DEVICE inline double class_ratio(const TreeRules& rules, uint64_t heaviest, uint64_t sum) {
  const double top = static_cast<double>(gradient_of(heaviest)) * rules.unit;
  const double divisor = static_cast<double>(gradient_of(sum)) * rules.unit + rules.category_smooth;
  return divisor > 0 ? top / divisor : 0.0;
}

// Counts rows by bin and class in a block's shared memory.
struct ClassCounter {
  static constexpr int32_t kThreads = 256;
  static constexpr int32_t kBins = 256;
  static_assert(kThreads == kBins);     // a thread has a bin
  static constexpr int32_t kAhead = 4;  // rows that a thread reads at once

  // Rows of a node, and the cells of a feature.
  struct Rows {
    const RowItem* items;
    const uint32_t* rows;  // TreeRules::rows
    int64_t count;         // below 2^31
    FeatureCells cells;
  };

  // Where a feature has few bins and many rows, several copies of each are added to, side by side.
  ASSAY_DEVICE static int32_t copies_of(int32_t bin_count, int64_t rows) {
    int32_t copies = 1;
    while (copies < kWarp && 2 * copies * bin_count <= kBins && copies * kThreads < rows) {
      copies *= 2;
    }
    return copies;
  }

  // words[c * kBins + bin * copies + copy] become the counts; `classes` of them.
  template <class Block>
  ASSAY_DEVICE static void count(Block& block, const Rows& rows, int32_t bin_count, int32_t classes,
                                 int32_t copies, uint64_t* words) {
    block.each([&](int32_t thread) {
      if (thread >= bin_count * copies) return;
      for (int32_t c = 0; c < classes; ++c) words[c * kBins + thread] = 0;
    });
    block.each([&](int32_t thread) {
      uint64_t* own = words + thread % copies;
      visit(rows, thread, [&](uint8_t bin, int32_t c, uint64_t word) {
        add_to(own + c * kBins + bin * copies, word);
      });
    });
  }

  // Calls add(bin, class, word) for a thread's share of the rows.
  template <class Add>
  ASSAY_DEVICE static void visit(const Rows& all, int32_t thread, Add&& add) {
    // Copies: what is added could be anywhere, as far as compilers know.
    const RowItem* items = all.items;
    const uint32_t* rows = all.rows;
    const auto count = static_cast<int32_t>(all.count);
    const uint8_t* cells = all.cells.first;
    const int64_t stride = all.cells.stride;
    for (int32_t first = thread; first < count; first += kAhead * kThreads) {
      uint64_t item[kAhead];
      ASSAY_UNROLL
      for (int32_t k = 0; k < kAhead; ++k) {
        const int32_t i = first + k * kThreads;
        item[k] = items[i < count ? i : first].word;
      }
      uint8_t bin[kAhead];
      ASSAY_UNROLL
      for (int32_t k = 0; k < kAhead; ++k) {
        const auto position = static_cast<uint32_t>(item[k] >> 32);
        const int64_t row = rows == nullptr ? position : rows[position];
        bin[k] = cells[row * stride];
      }
      ASSAY_UNROLL
      for (int32_t k = 0; k < kAhead; ++k) {
        if (first + k * kThreads >= count) continue;
        const uint64_t weight = item[k] >> 16 & 0xffff;
        add(bin[k], static_cast<int32_t>(item[k] & 0xffff), (weight << 32) + 1);
      }
    }
  }
};

}  // namespace assay::backends::cuda
