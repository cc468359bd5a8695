// The kernels of grow_tree that go over rows: quantising, histograms, dividing a node's rows, and
// the sums of leaves.
//
// Sums are integers, so their order is free: rows of a node come in any order, and histograms are
// added up in shared memory with two atomic additions of 32 bits for each row and feature.
#pragma once

#include "backends/cuda/block.h"
#include "backends/cuda/philox.h"
#include "backends/cuda/tile_window.h"
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
// A block has a tile of features side by side in its lanes, and each lane has a bank of shared
// memory of its own for its features' sums, whatever the bins. Where a tile's row has less lanes
// than a warp, several rows share a warp and each has its own copy of the sums. Each thread asks
// for several rows before it uses the first.
//
// A row and feature is one addition of 32 bits, gradient in the upper half and hessian in the lower
// one, and a lane has two features (`packed`). When a half runs over, which the value before the
// addition tells, the block hands what was lost to the histogram at once. Where that would be
// often, since rows have large numbers, it is two additions, and a lane has one feature.
struct HistogramKernel {
  static constexpr int32_t kThreads = 512;
  static constexpr int32_t kAhead = 2;  // rows that a thread reads at once
  // The greatest hessian for which additions are packed.
  static constexpr int32_t kMostPacked = 1023;
  // Chunks of so few rows are not worth clearing and emptying shared memory.
  static constexpr int32_t kDirectRows = 256;
  static constexpr int32_t kLeastChunk = 512;
  static constexpr int32_t kMostChunk = 1 << 16;

  // For features of at most `bins` bins.
  static constexpr int32_t shared_bytes(int32_t bins) {
    return 2 * bins * kWarp * static_cast<int32_t>(sizeof(uint32_t));
  }

  // Grid: x chunks, y tiles.
  struct Params {
    kernels::BinnedView bins;
    TileWindow window;  // that has the tiles; with no tiles cells are those of `bins`
    const TreeRules* trees;
    const SplitTask* tasks;
    const SplitCounts* counts;
    const ChunkTask* chunks;
    const int32_t* tiles;        // features tile * window.tile_width and following
    const int32_t* bin_offsets;  // [feature_count] where a feature's bins are; -1: not wanted
    const int32_t* bin_counts;   // [feature_count]
    uint64_t* histograms;        // [slots, slot_size], those in use from 0
    int64_t slot_size;
    int32_t chunk_rows;
    int32_t most_bins;  // of a feature
  };

  // The rows and features of a block.
  struct Piece {
    const uint32_t* rows;  // TreeRules::rows
    const RowItem* items;
    int64_t begin;
    int64_t end;
    int32_t first_feature;
    const uint8_t* cells;  // of row 0 and the first feature
    uint32_t row_width;
    uint64_t* histogram;
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const ChunkTask& chunk = params.chunks[block.x()];
    const SplitTask& task = params.tasks[chunk.task];
    const RowRange range = range_of(task, params.counts[chunk.task], chunk.part);
    const int64_t begin = range.begin + int64_t{chunk.chunk} * params.chunk_rows;
    if (begin >= range.end) return;
    const int64_t rest = range.end - begin;
    const TreeRules& rules = params.trees[task.tree];
    Piece piece{};
    piece.rows = rules.rows;
    piece.items = rules.order[range.side];
    piece.begin = begin;
    piece.end = begin + (params.chunk_rows < rest ? params.chunk_rows : rest);
    piece.histogram = params.histograms + chunk.slot * params.slot_size;
    place_cells(params, params.tiles[block.y()], piece);
    if (piece.end - begin <= kDirectRows) {
      block.each([&](int32_t thread) { add_directly(params, piece, thread); });
      return;
    }
    auto* sums = block.template shared<uint32_t>();
    block.each([&](int32_t thread) {
      for (int32_t i = thread; i < 2 * cells_of(params); i += kThreads) sums[i] = 0;
    });
    if (rules.packed != 0 && params.window.cells != nullptr) {
      block.each([&](int32_t thread) { add_packed(params, piece, thread, sums); });
      block.each([&](int32_t thread) { hand_over_packed(params, piece, thread, sums); });
    } else {
      block.each([&](int32_t thread) { add_apart(params, piece, thread, sums); });
      block.each([&](int32_t thread) { hand_over_apart(params, piece, thread, sums); });
    }
  }

 private:
  // Of half of the shared memory.
  ASSAY_DEVICE static int32_t cells_of(const Params& params) { return params.most_bins * kWarp; }

  ASSAY_DEVICE static void place_cells(const Params& params, int32_t tile, Piece& piece) {
    const TileWindow& window = params.window;
    piece.first_feature = tile * window.tile_width;
    if (window.cells != nullptr) {
      piece.cells = window.tile_cells(tile, params.bins.row_count);
      piece.row_width = static_cast<uint32_t>(window.tile_width);
    } else {
      piece.cells = params.bins.bins + params.bins.cell_offset(0, piece.first_feature);
      const int32_t width = params.bins.block_width(piece.first_feature / kernels::kBlockWidth);
      piece.row_width = static_cast<uint32_t>(width);
    }
  }

  ASSAY_DEVICE static bool wanted(const Params& params, int32_t feature) {
    return feature < params.bins.feature_count && params.bin_offsets[feature] >= 0;
  }

  // Some rows of a thread: what it knows of them so far.
  template <class Cell>
  struct Rows {
    RowItem items[kAhead];
    Cell cells[kAhead];
  };

  // Calls add(cell, halves) for the rows of a thread, of `width` threads that share a row; `halves`
  // are a row's gradient and hessian, of 16 bits each. Rows are on the way in two steps: the items
  // of the rows after the next ones, and the cells of the next ones.
  template <class Cell, class Add>
  ASSAY_DEVICE static void visit(const Piece& piece, int32_t thread, int32_t width, Add&& add) {
    const uint8_t* cells = piece.cells + thread % width * static_cast<int32_t>(sizeof(Cell));
    // Whatever the loop needs is at hand: what it adds could be anywhere, as far as compilers know.
    const RowItem* items = piece.items + piece.begin;
    const uint32_t* rows_of_sample = piece.rows;
    const uint32_t row_width = piece.row_width;
    const auto count = static_cast<int32_t>(piece.end - piece.begin);
    const int32_t lanes = kThreads / width;
    const auto ask_items = [&](int32_t first, Rows<Cell>& rows) {
      ASSAY_UNROLL
      for (int32_t k = 0; k < kAhead; ++k) {
        const int32_t at = first + k * lanes;
        rows.items[k] = at < count ? items[at] : RowItem{0};
      }
    };
    const auto ask_cells = [&](Rows<Cell>& rows) {
      ASSAY_UNROLL
      for (int32_t k = 0; k < kAhead; ++k) {
        const uint32_t position = rows.items[k].position();
        const uint32_t row = rows_of_sample == nullptr ? position : rows_of_sample[position];
        rows.cells[k] = *reinterpret_cast<const Cell*>(cells + uint64_t{row} * row_width);
      }
    };
    const int32_t step = kAhead * lanes;
    int32_t i = thread / width;
    Rows<Cell> now;
    Rows<Cell> next;
    ask_items(i, now);
    ask_cells(now);
    ask_items(i + step, next);
    for (; i < count; i += step) {
      Rows<Cell> later;
      ask_cells(next);
      ask_items(i + 2 * step, later);
      ASSAY_UNROLL
      for (int32_t k = 0; k < kAhead; ++k) {
        add(now.cells[k], static_cast<uint32_t>(now.items[k].word));
      }
      now = next;
      next = later;
    }
  }

  ASSAY_DEVICE static void add_directly(const Params& params, const Piece& piece, int32_t thread) {
    const int32_t feature = piece.first_feature + thread % params.window.tile_width;
    if (!wanted(params, feature)) return;
    uint64_t* bins = piece.histogram + params.bin_offsets[feature];
    visit<uint8_t>(piece, thread, params.window.tile_width, [&](uint8_t bin, uint32_t halves) {
      if (halves != 0) add_to(bins + bin, word_of_halves(halves));
    });
  }

  // Two additions: gradients in the first half of the shared memory, hessians in the second.
  ASSAY_DEVICE static void add_apart(const Params& params, const Piece& piece, int32_t thread,
                                     uint32_t* sums) {
    if (!wanted(params, piece.first_feature + thread % params.window.tile_width)) return;
    uint32_t* gradients = sums + thread % kWarp;
    uint32_t* hessians = gradients + cells_of(params);
    visit<uint8_t>(piece, thread, params.window.tile_width, [&](uint8_t bin, uint32_t halves) {
      const int32_t gradient = static_cast<int16_t>(halves >> 16);
      (void)add_to(gradients + bin * kWarp, static_cast<uint32_t>(gradient));
      (void)add_to(hessians + bin * kWarp, halves & 0xffff);
    });
  }

  // Adds the block's sums, all copies of each, to the histogram.
  ASSAY_DEVICE static void hand_over_apart(const Params& params, const Piece& piece, int32_t thread,
                                           const uint32_t* sums) {
    const int32_t width = params.window.tile_width;
    const int32_t feature = piece.first_feature + thread % width;
    if (!wanted(params, feature)) return;
    const uint32_t* hessians = sums + cells_of(params);
    uint64_t* bins = piece.histogram + params.bin_offsets[feature];
    for (int32_t bin = thread / width; bin < params.bin_counts[feature]; bin += kThreads / width) {
      uint32_t gradient = 0;
      uint32_t hessian = 0;
      for (int32_t lane = thread % width; lane < kWarp; lane += width) {
        gradient += sums[bin * kWarp + lane];
        hessian += hessians[bin * kWarp + lane];
      }
      const uint64_t word = packed_word(static_cast<int32_t>(gradient), hessian);
      if (word != 0) add_to(bins + bin, word);
    }
  }

  // One addition: even features in the first half of the shared memory, odd ones in the second.
  ASSAY_DEVICE static void add_packed(const Params& params, const Piece& piece, int32_t thread,
                                      uint32_t* sums) {
    const int32_t lanes = params.window.tile_width / 2;
    const int32_t feature = piece.first_feature + thread % lanes * 2;
    const bool even = wanted(params, feature);
    const bool odd = wanted(params, feature + 1);
    if (!even && !odd) return;
    uint32_t* even_sums = sums + thread % kWarp;
    uint32_t* odd_sums = even_sums + cells_of(params);
    visit<uint16_t>(piece, thread, lanes, [&](uint16_t bins, uint32_t halves) {
      if (even) add_halves(params, piece, feature, bins & 0xff, halves, even_sums);
      if (odd) add_halves(params, piece, feature + 1, bins >> 8, halves, odd_sums);
    });
  }

  ASSAY_DEVICE static void add_halves(const Params& params, const Piece& piece, int32_t feature,
                                      int32_t bin, uint32_t addend, uint32_t* sums) {
    constexpr uint32_t kCarry = 0x10000;  // of the lower half into the upper one
    constexpr uint32_t kSign = 0x80000000;
    const uint32_t before = add_to(sums + bin * kWarp, addend);
    const uint32_t after = before + addend;
    const uint32_t carries = (before ^ addend ^ after) & kCarry;
    const uint32_t overflows = (before ^ after) & (addend ^ after) & kSign;
    if ((carries | overflows) == 0) return;
    int32_t gradient = 0;
    if (carries != 0) gradient -= 1;
    if (overflows != 0) gradient += (after & kSign) != 0 ? 0x10000 : -0x10000;
    add_to(piece.histogram + params.bin_offsets[feature] + bin, packed_word(gradient, carries));
  }

  ASSAY_DEVICE static void hand_over_packed(const Params& params, const Piece& piece,
                                            int32_t thread, const uint32_t* sums) {
    const int32_t width = params.window.tile_width;
    const int32_t feature = piece.first_feature + thread % width;
    if (!wanted(params, feature)) return;
    const uint32_t* own = sums + (feature % 2 == 0 ? 0 : cells_of(params));
    uint64_t* bins = piece.histogram + params.bin_offsets[feature];
    for (int32_t bin = thread / width; bin < params.bin_counts[feature]; bin += kThreads / width) {
      uint64_t word = 0;
      for (int32_t lane = thread % width / 2; lane < kWarp; lane += width / 2) {
        word += word_of_halves(own[bin * kWarp + lane]);
      }
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

// Makes histograms of larger children.
struct SubtractSlotsKernel {
  static constexpr int32_t kThreads = 256;
  static constexpr int32_t kEach = 8;  // words of a thread

  // Grid: x blocks of kThreads * kEach words, y tasks.
  struct Params {
    const SubtractTask* tasks;
    uint64_t* histograms;
    int64_t slot_size;
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const SubtractTask& task = params.tasks[block.y()];
    uint64_t* target = params.histograms + task.slot * params.slot_size;
    const uint64_t* from = params.histograms + task.from * params.slot_size;
    const uint64_t* smaller = params.histograms + task.smaller * params.slot_size;
    block.each([&](int32_t thread) {
      for (int32_t k = 0; k < kEach; ++k) {
        const int64_t i = (block.x() * kEach + k) * kThreads + thread;
        if (i < params.slot_size) target[i] = from[i] - smaller[i];
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
  static constexpr int32_t kTaskAt = kBasesAt + 2 * static_cast<int32_t>(sizeof(uint32_t));
  static constexpr int32_t kSharedBytes = kTaskAt + static_cast<int32_t>(sizeof(int32_t));

  // Grid: x chunks of tasks: of task t those from first_chunks[t] on.
  struct Params {
    kernels::BinnedView bins;
    const uint8_t* columns;  // as BinnedView's, or null
    TileWindow window;       // nodes whose feature is not here are left alone
    const TreeRules* trees;
    const SplitTask* tasks;
    const int32_t* first_chunks;  // [task_count + 1]
    SplitCounts* counts;
    int32_t task_count;
  };

  struct Held {
    RowItem items[kEach];
    uint32_t left;  // bit k: item k goes left
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    auto* found = block.template shared<int32_t>(kTaskAt);
    block.each([&](int32_t thread) {
      for (int32_t t = thread; t < params.task_count; t += kThreads) {
        const bool here =
            params.first_chunks[t] <= block.x() && block.x() < params.first_chunks[t + 1];
        if (here) *found = t;
      }
    });
    const int32_t place = *found;
    const SplitTask& task = params.tasks[place];
    const int64_t chunk = block.x() - params.first_chunks[place];
    const TreeRules& rules = params.trees[task.tree];
    const FeatureCells cells =
        feature_cells(params.bins, params.columns, params.window, task.rule.feature);
    if (cells.first == nullptr) return;
    divide(block, task, rules, cells, task.begin + chunk * kRows, params.counts[place]);
  }

 private:
  // At most kRows rows from `begin` on.
  template <class Block>
  ASSAY_DEVICE static void divide(Block& block, const SplitTask& task, const TreeRules& rules,
                                  const FeatureCells& cells, int64_t begin, SplitCounts& counts) {
    const int64_t rest = task.end - begin;
    const auto rows = static_cast<int32_t>(rest < kRows ? rest : kRows);
    const RowItem* from = rules.order[task.side] + begin;
    RowItem* to = rules.order[1 - task.side];
    auto* sorted = block.template shared<RowItem>();
    auto* bases = block.template shared<uint32_t>(kBasesAt);
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
        bins[k] = cells.first[rules.row_of(mine.items[k].position()) * cells.stride];
      }
      ASSAY_UNROLL
      for (int32_t k = 0; k < kEach; ++k) {
        const bool there = k * kThreads + thread < rows;
        if (!there || !kernels::goes_left(task.rule, &task.set, bins[k])) continue;
        mine.left |= 1u << k;
        lefts[thread] += 1;
      }
    });
    const auto left_count =
        static_cast<int32_t>(block.prefix_sums(lefts, block.template shared<uint32_t>(kSparesAt)));
    block.each([&](int32_t thread) {
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

// Leaves of rows, and the sums of gradients and hessians of leaves, over the rows of a sample in
// their order: each row walks down its finished tree.
struct LeafSumsKernel {
  static constexpr int32_t kThreads = 256;
  static constexpr int32_t kLeastRows = 256;  // of a task, but for the last
  static constexpr int32_t kMostRows = 8192;
  static constexpr int32_t kMostLeaves = 1024;  // that a block adds up in shared memory
  static constexpr int32_t shared_bytes(int32_t leaves) {
    return leaves <= kMostLeaves ? 2 * leaves * static_cast<int32_t>(sizeof(uint64_t)) : 0;
  }

  // Grid: x tasks. `most_leaves` is the greatest leaf_count of a task.
  struct Params {
    kernels::BinnedView bins;
    const TreeRules* trees;
    const LeafTask* tasks;
    const kernels::TreeNode* nodes;    // of all trees
    const kernels::CategorySet* sets;  // likewise
    uint64_t* sums;                    // [leaves, 2]: gradient and hessian in fixed point, from 0
    int32_t most_leaves;
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const LeafTask& task = params.tasks[block.x()];
    const TreeRules& rules = params.trees[task.tree];
    uint64_t* sums = params.sums + 2 * int64_t{task.first_sum};
    const bool shared = params.most_leaves <= kMostLeaves;
    uint64_t* target = shared ? block.template shared<uint64_t>() : sums;
    if (shared) {
      block.each([&](int32_t thread) {
        for (int32_t i = thread; i < 2 * task.leaf_count; i += kThreads) target[i] = 0;
      });
    }
    block.each([&](int32_t thread) {
      // Copies: what is written could be anywhere, as far as compilers know.
      const TreeRules own = rules;
      const LeafTask work = task;
      for (int64_t i = work.begin + thread; i < work.end; i += kThreads) {
        const int64_t row = own.row_of(static_cast<uint32_t>(i));
        const int32_t leaf = leaf_of(params, work, row);
        work.leaf_of[i] = leaf;
        const double gradient = static_cast<double>(own.gradients[row]) * own.gradient_scale;
        const double hessian = static_cast<double>(own.hessians[row]) * own.hessian_scale;
        uint64_t* pair = target + 2 * int64_t{leaf};
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

  // `params` has bins, nodes and sets.
  template <class Trees>
  ASSAY_DEVICE static int32_t leaf_of(const Trees& params, const LeafTask& task, int64_t row) {
    const kernels::TreeNode* nodes = params.nodes + task.first_node;
    const kernels::CategorySet* sets = params.sets + task.first_set;
    kernels::TreeNode node = nodes[0];
    while (!node.is_leaf()) {
      const uint8_t bin = params.bins.bins[params.bins.cell_offset(row, node.feature)];
      node = nodes[node.left + (kernels::goes_left(node, sets, bin) ? 0 : 1)];
    }
    return node.left;
  }
};

// Makes the forms of a table (TableForms) from its blocks.
struct TableFormsKernel {
  static constexpr int32_t kThreads = 256;
  static constexpr int32_t kRows = 256;  // of a block
  static constexpr int32_t kSharedBytes = kRows * kernels::kBlockWidth;

  // Grid: x pieces of rows, y blocks of features.
  struct Params {
    kernels::BinnedView bins;
    uint8_t* columns;  // out
    uint8_t* tiles;    // out
    int32_t tile_width;
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
    auto* cells = block.template shared<uint8_t>();
    block.each([&](int32_t thread) {
      for (int32_t i = thread; i < rows * width; i += kThreads) cells[i] = from[i];
    });
    const int32_t feature = features * kernels::kBlockWidth;
    uint8_t* column = params.columns + feature * bins.row_count + first;
    const int32_t tile_width = params.tile_width;
    block.each([&](int32_t thread) {
      if (thread < rows) {
        for (int32_t f = 0; f < width; ++f) {
          column[f * bins.row_count + thread] = cells[thread * width + f];
        }
      }
      for (int32_t begin = 0; begin < width; begin += tile_width) {
        uint8_t* tile = params.tiles + (feature + begin) * bins.row_count + first * tile_width;
        for (int32_t i = thread; i < rows * tile_width; i += kThreads) {
          const int32_t f = begin + i % tile_width;
          tile[i] = f < width ? cells[i / tile_width * width + f] : uint8_t{0};
        }
      }
    });
  }
};

}  // namespace assay::backends::cuda
