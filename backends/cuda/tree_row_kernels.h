// The kernels of grow_tree that go over rows: quantising, histograms, dividing a node's rows, and
// the sums of leaves.
//
// Sums are integers, so their order is free: rows of a node come in any order, and histograms are
// added up in shared memory with two atomic additions of 32 bits for each row and feature.
#pragma once

#include "backends/cuda/block.h"
#include "backends/cuda/philox.h"
#include "backends/cuda/tree_tasks.h"

namespace assay::backends::cuda {

// q = floor(x * 2^e + half / 65536), as kernels/tree_rules.h has it.
ASSAY_DEVICE inline int32_t quantised(float x, double scale, uint32_t half) {
  return static_cast<int32_t>(
      floor(static_cast<double>(x) * scale + static_cast<double>(half) * 0x1p-16));
}

struct QuantiseRowsKernel {
  static constexpr int32_t kThreads = 256;

  // Grid: x blocks of kThreads positions.
  struct Params {
    const uint32_t* rows;  // or null
    const float* gradients;
    const float* hessians;
    RowItem* order;  // out: positions 0, 1, 2, ...
    uint64_t seed;
    int64_t sample_count;
    double scale;
    double hessian_scale;
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    block.each([&](int32_t thread) {
      const int64_t position = block.x() * kThreads + thread;
      if (position >= params.sample_count) return;
      const auto place = static_cast<uint32_t>(position);
      const uint32_t row = params.rows == nullptr ? place : params.rows[place];
      const uint32_t random = rounding_bits(params.seed, row);
      const int32_t gradient = quantised(params.gradients[row], params.scale, random & 0xffff);
      const int32_t hessian = quantised(params.hessians[row], params.hessian_scale, random >> 16);
      params.order[position] = RowItem::of(place, gradient, hessian);
    });
  }
};

// Histograms of chunks of nodes' rows.
//
// A block has a tile of features side by side in its lanes, and a bin's sums of the tile's features
// side by side in shared memory: each lane has a bank of its own, whatever the bins. Where a tile
// has less features than a warp has lanes, several rows share a warp and each has its own copy of
// the sums. Each thread asks for several rows before it uses the first.
struct HistogramKernel {
  static constexpr int32_t kThreads = 512;
  static constexpr int32_t kMostFeatures = kWarp;  // of a tile; divides kBlockWidth
  static constexpr int32_t kAhead = 8;             // rows that a thread reads at once
  // Chunks of so few rows are not worth clearing and emptying shared memory.
  static constexpr int32_t kDirectRows = 256;
  static constexpr int32_t kLeastChunk = 512;
  static constexpr int32_t kMostChunk = 1 << 16;
  static constexpr int32_t kMostSharedBytes = 2 * 256 * kWarp * 4;

  // For features of at most `bins` bins.
  static constexpr int32_t shared_bytes(int32_t bins) {
    return 2 * bins * kWarp * static_cast<int32_t>(sizeof(uint32_t));
  }

  // Grid: x chunks, y tiles.
  struct Params {
    kernels::BinnedView bins;
    const TreeRules* trees;
    const SplitTask* tasks;
    const SplitCounts* counts;
    const ChunkTask* chunks;
    const int32_t* tiles;        // features tile * tile_width and following
    const int32_t* bin_offsets;  // [feature_count] where a feature's bins are; -1: not wanted
    const int32_t* bin_counts;   // [feature_count]
    uint64_t* histograms;        // [slots, slot_size], those in use from 0
    int64_t slot_size;
    int32_t chunk_rows;
    int32_t tile_width;  // 4, 8, 16 or 32
    int32_t most_bins;   // of a feature
  };

  // The rows and features of a block.
  struct Piece {
    const TreeRules* rules;
    const RowItem* items;
    int64_t begin;
    int64_t end;
    int32_t first_feature;
    const uint8_t* cells;  // of row 0 and the first feature
    int64_t row_width;
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const ChunkTask& chunk = params.chunks[block.x()];
    const SplitTask& task = params.tasks[chunk.task];
    const RowRange range = range_of(task, params.counts[chunk.task], chunk.part);
    const int64_t begin = range.begin + int64_t{chunk.chunk} * params.chunk_rows;
    if (begin >= range.end) return;
    const int64_t rest = range.end - begin;
    const int64_t end = begin + (params.chunk_rows < rest ? params.chunk_rows : rest);
    const TreeRules& rules = params.trees[task.tree];
    const int32_t first = params.tiles[block.y()] * params.tile_width;
    const Piece piece{&rules,
                      rules.order[range.side],
                      begin,
                      end,
                      first,
                      params.bins.bins + params.bins.cell_offset(0, first),
                      params.bins.block_width(first / kernels::kBlockWidth)};
    uint64_t* histogram = params.histograms + chunk.slot * params.slot_size;
    if (end - begin <= kDirectRows) {
      block.each([&](int32_t thread) { add_directly(params, piece, thread, histogram); });
      return;
    }
    auto* gradients = block.template shared<uint32_t>();
    const int32_t cells = params.most_bins * kWarp;
    uint32_t* hessians = gradients + cells;
    block.each([&](int32_t thread) {
      for (int32_t i = thread; i < 2 * cells; i += kThreads) gradients[i] = 0;
    });
    block.each([&](int32_t thread) { add_up(params, piece, thread, gradients, hessians); });
    block.each(
        [&](int32_t thread) { hand_over(params, piece, thread, gradients, hessians, histogram); });
  }

 private:
  // Calls add(bin, item) for every row that a thread adds its feature of.
  template <class Add>
  ASSAY_DEVICE static void visit(const Params& params, const Piece& piece, int32_t thread,
                                 Add&& add) {
    const uint8_t* cells = piece.cells + thread % params.tile_width;
    const int32_t lanes = kThreads / params.tile_width;
    for (int64_t i = piece.begin + thread / params.tile_width; i < piece.end;
         i += int64_t{kAhead} * lanes) {
      RowItem items[kAhead];
      uint8_t bins[kAhead];
      ASSAY_UNROLL
      for (int32_t k = 0; k < kAhead; ++k) {
        const int64_t at = i + int64_t{k} * lanes;
        items[k] = at < piece.end ? piece.items[at] : RowItem{0};
      }
      ASSAY_UNROLL
      for (int32_t k = 0; k < kAhead; ++k) {
        bins[k] = cells[piece.rules->row_of(items[k].position()) * piece.row_width];
      }
      ASSAY_UNROLL
      for (int32_t k = 0; k < kAhead; ++k) add(int32_t{bins[k]}, items[k]);
    }
  }

  ASSAY_DEVICE static bool wanted(const Params& params, int32_t feature) {
    return feature < params.bins.feature_count && params.bin_offsets[feature] >= 0;
  }

  ASSAY_DEVICE static void add_directly(const Params& params, const Piece& piece, int32_t thread,
                                        uint64_t* histogram) {
    const int32_t feature = piece.first_feature + thread % params.tile_width;
    if (!wanted(params, feature)) return;
    uint64_t* bins = histogram + params.bin_offsets[feature];
    visit(params, piece, thread, [&](int32_t bin, const RowItem& item) {
      const uint64_t word = packed_word(item.gradient(), item.hessian());
      if (word != 0) add_to(bins + bin, word);
    });
  }

  ASSAY_DEVICE static void add_up(const Params& params, const Piece& piece, int32_t thread,
                                  uint32_t* gradients, uint32_t* hessians) {
    if (!wanted(params, piece.first_feature + thread % params.tile_width)) return;
    const int32_t lane = thread % kWarp;
    visit(params, piece, thread, [&](int32_t bin, const RowItem& item) {
      (void)add_to(gradients + bin * kWarp + lane, static_cast<uint32_t>(item.gradient()));
      (void)add_to(hessians + bin * kWarp + lane, item.hessian());
    });
  }

  // Adds the block's sums, all copies of each, to the histogram.
  ASSAY_DEVICE static void hand_over(const Params& params, const Piece& piece, int32_t thread,
                                     const uint32_t* gradients, const uint32_t* hessians,
                                     uint64_t* histogram) {
    const int32_t width = params.tile_width;
    const int32_t feature = piece.first_feature + thread % width;
    if (!wanted(params, feature)) return;
    uint64_t* bins = histogram + params.bin_offsets[feature];
    for (int32_t bin = thread / width; bin < params.bin_counts[feature]; bin += kThreads / width) {
      uint32_t gradient = 0;
      uint32_t hessian = 0;
      for (int32_t lane = thread % width; lane < kWarp; lane += width) {
        gradient += gradients[bin * kWarp + lane];
        hessian += hessians[bin * kWarp + lane];
      }
      const uint64_t word = packed_word(static_cast<int32_t>(gradient), hessian);
      if (word != 0) add_to(bins + bin, word);
    }
  }
};

// Makes histograms empty.
struct ClearSlotsKernel {
  static constexpr int32_t kThreads = 256;
  static constexpr int32_t kEach = 8;  // words of a thread

  // Grid: x blocks of kThreads * kEach words, y slots.
  struct Params {
    const int32_t* slots;
    uint64_t* histograms;
    int64_t slot_size;
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    uint64_t* histogram = params.histograms + params.slots[block.y()] * params.slot_size;
    block.each([&](int32_t thread) {
      for (int32_t k = 0; k < kEach; ++k) {
        const int64_t i = (block.x() * kEach + k) * kThreads + thread;
        if (i < params.slot_size) histogram[i] = 0;
      }
    });
  }
};

struct DeriveSlotsKernel {
  static constexpr int32_t kThreads = 256;
  static constexpr int32_t kEach = 8;  // words of a thread

  // Grid: x blocks of kThreads * kEach words, y tasks.
  struct Params {
    const DeriveTask* tasks;
    uint64_t* histograms;
    int64_t slot_size;
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const DeriveTask& task = params.tasks[block.y()];
    const uint64_t* smaller = params.histograms + task.slot * params.slot_size;
    uint64_t* parent = params.histograms + task.parent_slot * params.slot_size;
    block.each([&](int32_t thread) {
      for (int32_t k = 0; k < kEach; ++k) {
        const int64_t i = (block.x() * kEach + k) * kThreads + thread;
        if (i < params.slot_size) parent[i] -= smaller[i];
      }
    });
  }
};

// Divides nodes' rows. A block puts a chunk's rows in order in shared memory, left ones first, and
// writes both ends in one piece each.
struct DivideRowsKernel {
  static constexpr int32_t kThreads = 256;
  static constexpr int32_t kEach = 4;  // rows of a thread
  static constexpr int32_t kRows = kThreads * kEach;
  static constexpr int32_t kSparesAt = kRows * static_cast<int32_t>(sizeof(RowItem));
  static constexpr int32_t kBasesAt =
      kSparesAt + kMostWarps * static_cast<int32_t>(sizeof(uint32_t));
  static constexpr int32_t kSharedBytes = kBasesAt + 2 * static_cast<int32_t>(sizeof(uint32_t));

  // Grid: x chunks of whole nodes.
  struct Params {
    kernels::BinnedView bins;
    const uint8_t* columns;  // as BinnedView's, or null
    const TreeRules* trees;
    const SplitTask* tasks;
    const ChunkTask* chunks;
    SplitCounts* counts;
  };

  struct Held {
    RowItem items[kEach];
    uint32_t left;  // bit k: item k goes left
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const ChunkTask& chunk = params.chunks[block.x()];
    const SplitTask& task = params.tasks[chunk.task];
    const TreeRules& rules = params.trees[task.tree];
    const int64_t begin = task.begin + int64_t{chunk.chunk} * kRows;
    const auto rows = static_cast<int32_t>(task.end - begin < kRows ? task.end - begin : kRows);
    const RowItem* from = rules.order[task.side] + begin;
    RowItem* to = rules.order[1 - task.side];
    auto* sorted = block.template shared<RowItem>();
    auto* bases = block.template shared<uint32_t>(kBasesAt);
    // A cell of the feature is at row * stride.
    const int64_t feature = task.rule.feature;
    const bool by_column = params.columns != nullptr;
    const uint8_t* cells = by_column
                               ? params.columns + feature * params.bins.row_count
                               : params.bins.bins + params.bins.cell_offset(0, task.rule.feature);
    const int64_t stride =
        by_column ? 1 : params.bins.block_width(task.rule.feature / kernels::kBlockWidth);
    typename Block::template PerThread<Held> held;
    typename Block::template PerThread<uint32_t> lefts;
    block.each([&](int32_t thread) {
      Held& mine = held[thread];
      mine.left = 0;
      lefts[thread] = 0;
      ASSAY_UNROLL
      for (int32_t k = 0; k < kEach; ++k) {
        const int32_t i = k * kThreads + thread;
        mine.items[k] = from[i < rows ? i : 0];
      }
      uint8_t bins[kEach];
      ASSAY_UNROLL
      for (int32_t k = 0; k < kEach; ++k) {
        bins[k] = cells[rules.row_of(mine.items[k].position()) * stride];
      }
      ASSAY_UNROLL
      for (int32_t k = 0; k < kEach; ++k) {
        const bool counts = k * kThreads + thread < rows;
        if (!counts || !kernels::goes_left(task.rule, &task.set, bins[k])) continue;
        mine.left |= 1u << k;
        lefts[thread] += 1;
      }
    });
    const auto left_count =
        static_cast<int32_t>(block.prefix_sums(lefts, block.template shared<uint32_t>(kSparesAt)));
    block.each([&](int32_t thread) {
      SplitCounts& counts = params.counts[chunk.task];
      if (thread == 0) bases[0] = add_to(&counts.left, static_cast<uint32_t>(left_count));
      if (thread == kWarp)
        bases[1] = add_to(&counts.right, static_cast<uint32_t>(rows - left_count));
      auto left_at = static_cast<int32_t>(lefts[thread]);
      const int32_t whole = rows / kThreads;
      const int32_t more = rows % kThreads;
      const int32_t before = thread * whole + (thread < more ? thread : more);
      int32_t right_at = left_count + before - left_at;
      ASSAY_UNROLL
      for (int32_t k = 0; k < kEach; ++k) {
        if (k * kThreads + thread >= rows) continue;
        const bool left = (held[thread].left >> k & 1u) != 0;
        sorted[left ? left_at++ : right_at++] = held[thread].items[k];
      }
    });
    block.each([&](int32_t thread) {
      for (int32_t i = thread; i < rows; i += kThreads) {
        const int64_t target =
            i < left_count ? task.begin + bases[0] + i : task.end - 1 - bases[1] - (i - left_count);
        to[target] = sorted[i];
      }
    });
  }
};

// Writes the leaf of every row.
struct AssignLeavesKernel {
  static constexpr int32_t kThreads = 256;
  static constexpr int32_t kRows = 4096;  // a task has at most so many

  // Grid: x tasks.
  struct Params {
    const TreeRules* trees;
    const LeafTask* leaves;
    int32_t* const* leaf_of;  // [trees]: out, by position
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const LeafTask& leaf = params.leaves[block.x()];
    const RowItem* order = params.trees[leaf.tree].order[leaf.side];
    int32_t* leaf_of = params.leaf_of[leaf.tree];
    block.each([&](int32_t thread) {
      for (int64_t i = leaf.begin + thread; i < leaf.end; i += kThreads) {
        leaf_of[order[i].position()] = leaf.leaf;
      }
    });
  }
};

// Adds up gradients and hessians of leaves, over the rows of a sample in their order.
struct LeafSumsKernel {
  static constexpr int32_t kThreads = 256;
  static constexpr int32_t kRows = 8192;        // a task has at most so many
  static constexpr int32_t kMostLeaves = 1024;  // that a block adds up in shared memory
  static constexpr int32_t shared_bytes(int32_t leaves) {
    return leaves <= kMostLeaves ? 2 * leaves * static_cast<int32_t>(sizeof(uint64_t)) : 0;
  }

  // Grid: x tasks. `most_leaves` is the greatest leaf_count of a task.
  struct Params {
    const TreeRules* trees;
    const LeafSumTask* tasks;
    const int32_t* const* leaf_of;  // [trees], by position
    uint64_t* sums;                 // [leaves, 2]: gradient and hessian in fixed point, from 0
    int32_t most_leaves;
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const LeafSumTask& task = params.tasks[block.x()];
    const TreeRules& rules = params.trees[task.tree];
    const int32_t* leaf_of = params.leaf_of[task.tree];
    uint64_t* sums = params.sums + 2 * int64_t{task.first_sum};
    const bool shared = params.most_leaves <= kMostLeaves;
    uint64_t* target = shared ? block.template shared<uint64_t>() : sums;
    if (shared) {
      block.each([&](int32_t thread) {
        for (int32_t i = thread; i < 2 * task.leaf_count; i += kThreads) target[i] = 0;
      });
    }
    block.each([&](int32_t thread) {
      for (int64_t i = task.begin + thread; i < task.end; i += kThreads) {
        const int64_t row = rules.row_of(static_cast<uint32_t>(i));
        const double gradient = static_cast<double>(rules.gradients[row]) * rules.gradient_scale;
        const double hessian = static_cast<double>(rules.hessians[row]) * rules.hessian_scale;
        uint64_t* pair = target + 2 * int64_t{leaf_of[i]};
        add_to(pair, static_cast<uint64_t>(round_to_even(gradient)));
        add_to(pair + 1, static_cast<uint64_t>(round_to_even(hessian)));
      }
    });
    if (!shared) return;
    block.each([&](int32_t thread) {
      for (int32_t i = thread; i < 2 * task.leaf_count; i += kThreads) {
        if (target[i] != 0) add_to(sums + i, target[i]);
      }
    });
  }
};

// Turns the blocks of a table into columns.
struct ColumnsKernel {
  static constexpr int32_t kThreads = 256;
  static constexpr int32_t kRows = 256;  // of a tile
  static constexpr int32_t kSharedBytes = kRows * kernels::kBlockWidth;

  // Grid: x tiles of rows, y blocks of features.
  struct Params {
    kernels::BinnedView bins;
    uint8_t* columns;  // out, [feature_count, row_count]
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const kernels::BinnedView& bins = params.bins;
    const auto features = static_cast<int32_t>(block.y());
    const int32_t width = bins.block_width(features);
    const int64_t first = block.x() * kRows;
    const int64_t rest = bins.row_count - first;
    const auto rows = static_cast<int32_t>(rest < kRows ? rest : kRows);
    const uint8_t* from = bins.bins + bins.block_offset(features) + first * width;
    auto* tile = block.template shared<uint8_t>();
    block.each([&](int32_t thread) {
      for (int32_t i = thread; i < rows * width; i += kThreads) tile[i] = from[i];
    });
    uint8_t* to =
        params.columns + int64_t{features} * kernels::kBlockWidth * bins.row_count + first;
    block.each([&](int32_t thread) {
      if (thread >= rows) return;
      for (int32_t f = 0; f < width; ++f) {
        to[f * bins.row_count + thread] = tile[thread * width + f];
      }
    });
  }
};

}  // namespace assay::backends::cuda
