// The kernels of grow_tree that go over rows: quantising, histograms, dividing a node's rows, and
// the sums of leaves.
//
// Sums are integers, so their order is free: rows of a node come in any order, and histograms are
// added up in shared memory with one atomic addition (`narrow`) or two of 32 bits for each row and
// feature. Threads of a warp are side by side in features, so that they rarely meet at one address.
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
    const uint32_t* rows;
    const float* gradients;
    const float* hessians;
    uint64_t* words;  // out
    uint32_t* order;  // out: 0, 1, 2, ...
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
      const uint32_t row = params.rows[position];
      const uint32_t random = rounding_bits(params.seed, row);
      const int32_t gradient = quantised(params.gradients[row], params.scale, random & 0xffff);
      const int32_t hessian = quantised(params.hessians[row], params.hessian_scale, random >> 16);
      params.words[position] = packed_word(gradient, static_cast<uint32_t>(hessian));
      params.order[position] = static_cast<uint32_t>(position);
    });
  }
};

struct HistogramKernel {
  static constexpr int32_t kThreads = 256;
  static constexpr int32_t kFeatures = 16;  // of a tile; divides kBlockWidth
  static constexpr int32_t kRowLanes = kThreads / kFeatures;
  static constexpr int32_t kRows = 4096;  // of a chunk
  // Chunks of so few rows are not worth clearing and emptying shared memory.
  static constexpr int32_t kDirectRows = 256;
  static constexpr int32_t kBins = 256;
  static constexpr int32_t kCells = kFeatures * kBins;
  static constexpr int32_t kSharedBytes = 2 * kCells * static_cast<int32_t>(sizeof(uint32_t));

  // Grid: x chunks, y tiles.
  struct Params {
    kernels::BinnedView bins;
    const TreeRules* trees;
    const SplitTask* tasks;
    const SplitCounts* counts;
    const ChunkTask* chunks;
    const int32_t* tiles;        // features tile * kFeatures and following
    const int32_t* bin_offsets;  // [feature_count] where a feature's bins are; -1: not wanted
    uint64_t* histograms;        // [slots, slot_size], those in use from 0
    int64_t slot_size;
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const ChunkTask& chunk = params.chunks[block.x()];
    const SplitTask& task = params.tasks[chunk.task];
    const RowRange range = range_of(task, params.counts[chunk.task], chunk.part);
    const int64_t begin = range.begin + int64_t{chunk.chunk} * kRows;
    if (begin >= range.end) return;
    const int64_t end = begin + kRows < range.end ? begin + kRows : range.end;
    const TreeRules& rules = params.trees[task.tree];
    const int32_t first = params.tiles[block.y()] * kFeatures;
    uint64_t* histogram = params.histograms + chunk.slot * params.slot_size;
    const Piece piece{&rules, rules.order[range.side], begin, end, first};
    if (end - begin <= kDirectRows) {
      block.each([&](int32_t thread) {
        visit(params, piece, thread,
              [&](int32_t, int64_t bin, uint64_t word) { add_to(histogram + bin, word); });
      });
      return;
    }
    // Narrow: one word of gradient and hessian sum, 16 bits each, in `gradients`.
    auto* gradients = block.template shared<uint32_t>();
    uint32_t* hessians = gradients + kCells;
    const bool narrow = rules.narrow != 0;
    block.each([&](int32_t thread) {
      for (int32_t i = thread; i < kCells; i += kThreads) {
        gradients[i] = 0;
        if (!narrow) hessians[i] = 0;
      }
    });
    block.each([&](int32_t thread) {
      visit(params, piece, thread, [&](int32_t cell, int64_t, uint64_t word) {
        const auto gradient = static_cast<uint32_t>(gradient_of(word));
        const auto hessian = static_cast<uint32_t>(mass_of(word));
        if (narrow) {
          (void)add_to(gradients + cell, (gradient << 16) + hessian);
        } else {
          (void)add_to(gradients + cell, gradient);
          (void)add_to(hessians + cell, hessian);
        }
      });
    });
    block.each([&](int32_t thread) {
      for (int32_t i = thread; i < kCells; i += kThreads) {
        const uint64_t word = narrow ? wide_word(gradients[i])
                                     : packed_word(static_cast<int32_t>(gradients[i]), hessians[i]);
        if (word == 0) continue;
        add_to(histogram + params.bin_offsets[first + i / kBins] + i % kBins, word);
      }
    });
  }

  // The rows and features of a block.
  struct Piece {
    const TreeRules* rules;
    const uint32_t* order;
    int64_t begin;
    int64_t end;
    int32_t first_feature;
  };

  // Calls add(cell of the tile, bin of the histogram, word) for what a thread adds.
  template <class Add>
  ASSAY_DEVICE static void visit(const Params& params, const Piece& piece, int32_t thread,
                                 Add&& add) {
    const int32_t lane = thread % kFeatures;
    const int32_t feature = piece.first_feature + lane;
    if (feature >= params.bins.feature_count || params.bin_offsets[feature] < 0) return;
    const int64_t offset = params.bin_offsets[feature];
    for (int64_t i = piece.begin + thread / kFeatures; i < piece.end; i += kRowLanes) {
      const uint32_t position = piece.order[i];
      const int64_t row = piece.rules->rows[position];
      const int32_t bin = params.bins.bins[params.bins.cell_offset(row, feature)];
      add(lane * kBins + bin, offset + bin, piece.rules->words[position]);
    }
  }

  ASSAY_DEVICE static uint64_t wide_word(uint32_t narrow_word) {
    return packed_word(static_cast<int32_t>(narrow_word) >> 16, narrow_word & 0xffffu);
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

struct DivideRowsKernel {
  static constexpr int32_t kThreads = 256;
  static constexpr int32_t kEach = 8;  // rows of a thread
  static constexpr int32_t kRows = kThreads * kEach;
  static constexpr int32_t kSharedBytes = 4 * sizeof(uint32_t);

  // Grid: x chunks of whole nodes.
  struct Params {
    kernels::BinnedView bins;
    const TreeRules* trees;
    const SplitTask* tasks;
    const ChunkTask* chunks;
    SplitCounts* counts;
  };

  // Where a thread's rows go: places among the block's, from 1 on the left, from -1 on the right.
  struct Places {
    int32_t place[kEach];
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const ChunkTask& chunk = params.chunks[block.x()];
    const SplitTask& task = params.tasks[chunk.task];
    const TreeRules& rules = params.trees[task.tree];
    const int64_t begin = task.begin + int64_t{chunk.chunk} * kRows;
    const int64_t end = begin + kRows < task.end ? begin + kRows : task.end;
    const uint32_t* from = rules.order[task.side];
    uint32_t* to = rules.order[1 - task.side];
    auto* block_counts = block.template shared<uint32_t>();
    uint32_t* bases = block_counts + 2;
    typename Block::template PerThread<Places> places;
    block.each([&](int32_t thread) {
      if (thread < 2) block_counts[thread] = 0;
    });
    block.each([&](int32_t thread) {
      for (int32_t k = 0; k < kEach; ++k) {
        const int64_t i = begin + k * kThreads + thread;
        if (i >= end) break;
        const int64_t row = rules.rows[from[i]];
        const uint8_t bin = params.bins.bins[params.bins.cell_offset(row, task.rule.feature)];
        const bool left = kernels::goes_left(task.rule, &task.set, bin);
        const auto place = static_cast<int32_t>(add_to(block_counts + (left ? 0 : 1), 1u)) + 1;
        places[thread].place[k] = left ? place : -place;
      }
    });
    block.each([&](int32_t thread) {
      SplitCounts& counts = params.counts[chunk.task];
      if (thread == 0) bases[0] = add_to(&counts.left, block_counts[0]);
      if (thread == 1) bases[1] = add_to(&counts.right, block_counts[1]);
    });
    block.each([&](int32_t thread) {
      for (int32_t k = 0; k < kEach; ++k) {
        const int64_t i = begin + k * kThreads + thread;
        if (i >= end) break;
        const int32_t place = places[thread].place[k];
        const int64_t target = place > 0 ? task.begin + bases[0] + (place - 1)
                                         : task.end - 1 - bases[1] - (-place - 1);
        to[target] = from[i];
      }
    });
  }
};

struct LeafSumsKernel {
  static constexpr int32_t kThreads = 256;
  static constexpr int32_t kRows = 4096;  // a task has at most so many
  static constexpr int32_t kSharedBytes = 2 * sizeof(uint64_t);

  // Grid: x tasks.
  struct Params {
    const TreeRules* trees;
    const LeafTask* leaves;
    int32_t* const* leaf_of;  // [trees]: out, by position
    uint64_t* sums;           // [leaves, 2]: gradient and hessian in fixed point, from 0
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const LeafTask& leaf = params.leaves[block.x()];
    const TreeRules& rules = params.trees[leaf.tree];
    const uint32_t* order = rules.order[leaf.side];
    int32_t* leaf_of = params.leaf_of[leaf.tree];
    auto* sums = block.template shared<uint64_t>();
    block.each([&](int32_t thread) {
      if (thread < 2) sums[thread] = 0;
    });
    block.each([&](int32_t thread) {
      int64_t gradient = 0;
      int64_t hessian = 0;
      for (int64_t i = leaf.begin + thread; i < leaf.end; i += kThreads) {
        const uint32_t position = order[i];
        const uint32_t row = rules.rows[position];
        leaf_of[position] = leaf.leaf;
        gradient += round_to_even(static_cast<double>(rules.gradients[row]) * rules.gradient_scale);
        hessian += round_to_even(static_cast<double>(rules.hessians[row]) * rules.hessian_scale);
      }
      add_to(sums, static_cast<uint64_t>(gradient));
      add_to(sums + 1, static_cast<uint64_t>(hessian));
    });
    block.each([&](int32_t thread) {
      if (thread < 2) add_to(params.sums + 2 * int64_t{leaf.sums} + thread, sums[thread]);
    });
  }
};

}  // namespace assay::backends::cuda
