// The kernels of grow_tree that grow symmetric trees which count classes: they count rows into
// histograms with a plane for each class, weigh the candidates of a level at its leaves, and give
// each leaf its part of the split that is chosen. What they share with trees of gradients is in
// tree_level_kernels.h.
//
// Gains are of sums over classes in their order. So a block has one class of a leaf in its memory
// at a time, and each thread adds that to the sides of its candidates.
#pragma once

#include "backends/cuda/block.h"
#include "backends/cuda/tile_window.h"
#include "backends/cuda/tree_class_sums.h"
#include "backends/cuda/tree_level_kernels.h"
#include "backends/cuda/tree_tasks.h"

namespace assay::backends::cuda {

// Histograms of chunks of nodes' rows: a block has a chunk and a feature.
struct CountClassesKernel {
  static constexpr int32_t kThreads = ClassCounter::kThreads;
  static constexpr int32_t kLeastChunk = 4096;
  static constexpr int32_t kMostChunk = 1 << 16;
  static constexpr int32_t shared_bytes(int32_t classes) {
    return classes * ClassCounter::kBins * static_cast<int32_t>(sizeof(uint64_t));
  }
  static_assert(kMostCountedClasses * ClassCounter::kBins * 8 <= 64 << 10);

  // Grid: x chunks, window.tile_width blocks each; y tiles.
  struct Params {
    kernels::BinnedView bins;
    const uint8_t* columns;  // as BinnedView's, or null
    TileWindow window;
    const TreeRules* trees;
    const SplitTask* tasks;
    const SplitCounts* counts;
    const ChunkTask* chunks;
    const int32_t* tiles;        // features tile * window.tile_width and following
    const int32_t* bin_offsets;  // [feature_count] where a feature's bins are; -1: not wanted
    const int32_t* bin_counts;   // [feature_count]
    uint64_t* histograms;        // [slots, slot_size], those in use from 0
    int64_t slot_size;
    int64_t plane_size;  // words of a class
    int32_t chunk_rows;
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const int32_t width = params.window.tile_width;
    const auto lane = static_cast<int32_t>(block.x() % width);
    const int32_t feature = params.tiles[block.y()] * width + lane;
    if (feature >= params.bins.feature_count || params.bin_offsets[feature] < 0) return;
    const ChunkTask& chunk = params.chunks[block.x() / width];
    const SplitTask& task = params.tasks[chunk.task];
    const RowRange range = range_of(task, params.counts[chunk.task], chunk.part);
    const int64_t begin = range.begin + int64_t{chunk.chunk} * params.chunk_rows;
    if (begin >= range.end) return;
    const int64_t rest = range.end - begin;
    const TreeRules& rules = params.trees[task.tree];
    const ClassCounter::Rows rows{
        rules.order[range.side] + begin, rules.rows,
        params.chunk_rows < rest ? params.chunk_rows : rest,
        feature_cells(params.bins, params.columns, params.window, feature)};
    const int32_t bin_count = params.bin_counts[feature];
    const int32_t words = rules.class_count * bin_count;
    uint64_t* histogram =
        params.histograms + chunk.slot * params.slot_size + params.bin_offsets[feature];
    const int64_t plane_size = params.plane_size;
    // So few rows hardly meet in a word.
    if (rows.count <= words) {
      block.each([&](int32_t thread) {
        ClassCounter::visit(rows, thread, [&](uint8_t bin, int32_t c, uint64_t word) {
          add_to(histogram + c * plane_size + bin, word);
        });
      });
      return;
    }
    auto* sums = block.template shared<uint64_t>();
    const int32_t copies = ClassCounter::copies_of(bin_count, rows.count);
    ClassCounter::count(block, rows, bin_count, rules.class_count, copies, sums);
    block.each([&](int32_t thread) {
      for (int32_t i = thread; i < words; i += kThreads) {
        const int32_t c = i / bin_count;
        const int32_t bin = i % bin_count;
        uint64_t word = 0;
        for (int32_t copy = 0; copy < copies; ++copy) {
          word += sums[c * ClassCounter::kBins + bin * copies + copy];
        }
        if (word != 0) add_to(histogram + c * plane_size + bin, word);
      }
    });
  }
};

// What each candidate gains at each leaf.
struct WeighClassesKernel {
  static constexpr int32_t kThreads = LevelCandidates::kThreads;
  static constexpr int32_t kSharedBytes = LevelCandidates::kSharedBytes;
  static constexpr int32_t kMine = LevelCandidates::kMine;

  // Grid: as WeighLeavesKernel's.
  using Params = WeighLeavesKernel::Params;
  using Job = LevelCandidates::Job;

  // A thread's candidates at a leaf, and the leaf.
  struct Sides {
    ClassSide left[kMine];
    ClassSide right[kMine];
    ClassSide whole;
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const LevelView& level = params.level;
    const LevelPiece& piece = params.pieces[block.y()];
    const SearchTask& search = level.searches[level.leaves[piece.first].search];
    const auto place = static_cast<int32_t>(block.x());
    if (place >= search.feature_count) return;
    auto* memory = block.template shared<LevelCandidates::Memory>();
    Job job = LevelCandidates::job_of(level, search, place);
    const LevelCandidates candidates = LevelCandidates::list(block, level, job, *memory);
    typename Block::template PerThread<Sides> sides;
    for (int32_t leaf = piece.first; leaf < piece.first + piece.count; ++leaf) {
      job.search = &level.leaves[leaf].node;
      add_classes(block, level, job, candidates, *memory, sides);
      const bool allowed = allows(*job.rules, *job.search, job.feature);
      const int64_t row = int64_t{leaf - params.first_leaf} * level.feature_limit + place;
      double* gains = params.gains + row * level.row_size();
      block.each([&](int32_t thread) {
        put_gains(level, job, candidates, thread, sides[thread], allowed, gains);
      });
    }
  }

 private:
  template <class Block>
  ASSAY_DEVICE static void add_classes(Block& block, const LevelView& level, Job& job,
                                       const LevelCandidates& candidates,
                                       LevelCandidates::Memory& memory,
                                       typename Block::template PerThread<Sides>& sides) {
    const uint64_t* words =
        LevelCandidates::words_of(level, slot_of(level, *job.search), job.feature);
    block.each([&](int32_t thread) { sides[thread] = Sides{}; });
    for (int32_t c = 0; c < job.rules->class_count; ++c) {
      job.total = candidates.load(block, words + c * level.plane_size, job.bin_count, memory);
      block.each([&](int32_t thread) {
        const double unit = job.rules->unit;
        Sides& own = sides[thread];
        own.whole.add(job.total, unit);
        ASSAY_UNROLL
        for (int32_t i = 0; i < kMine; ++i) {
          const int32_t number = candidates.number_of(thread, i);
          if (number < 0) continue;
          const uint64_t left = candidates.word_of(job, memory, number);
          own.left[i].add(left, unit);
          own.right[i].add(job.total - left, unit);
        }
      });
    }
  }

  ASSAY_DEVICE static void put_gains(const LevelView& level, const Job& job,
                                     const LevelCandidates& candidates, int32_t thread,
                                     const Sides& sides, bool allowed, double* gains) {
    const double whole = sides.whole.score();
    if (thread == 0) gains[level.gain_count] = whole;
    ASSAY_UNROLL
    for (int32_t i = 0; i < kMine; ++i) {
      const int32_t number = candidates.number_of(thread, i);
      if (number < 0) continue;
      const bool stands =
          allowed && sides.left[i].may_stand(*job.rules) && sides.right[i].may_stand(*job.rules);
      gains[number] = stands ? (sides.left[i].score() + sides.right[i].score()) - whole : 0.0;
    }
  }
};

// What the best split of the level is at each leaf.
struct SplitClassesKernel {
  static constexpr int32_t kThreads = SplitLeavesKernel::kThreads;
  static constexpr int32_t kSharedBytes = SplitLeavesKernel::kSharedBytes;

  // Grid: x leaves.
  using Params = SplitLeavesKernel::Params;

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const LevelView& level = params.level;
    const int64_t place = params.first_leaf + block.x();
    const LevelLeaf& leaf = level.leaves[place];
    const FoundSplit& best = params.best[leaf.search];
    LeafSplit split{};
    if (best.feature >= 0) split = weigh(block, level, leaf.node, best);
    block.each([&](int32_t thread) {
      if (thread == 0) params.splits[place] = split;
    });
  }

 private:
  template <class Block>
  ASSAY_DEVICE static LeafSplit weigh(Block& block, const LevelView& level, const SearchTask& node,
                                      const FoundSplit& best) {
    const TreeRules& rules = level.trees[level.tasks[node.task].tree];
    const int32_t bin_count = level.bin_counts[best.feature];
    const uint64_t* words = LevelCandidates::words_of(level, slot_of(level, node), best.feature);
    auto* spare = block.template shared<uint64_t>();
    typename Block::template PerThread<uint64_t> totals;
    typename Block::template PerThread<uint64_t> lefts;
    ClassSide left;
    ClassSide right;
    ClassSide whole;
    for (int32_t c = 0; c < rules.class_count; ++c) {
      block.each([&](int32_t thread) {
        totals[thread] = lefts[thread] = 0;
        for (int32_t bin = thread; bin < bin_count; bin += kThreads) {
          const uint64_t word = words[c * level.plane_size + bin];
          totals[thread] += word;
          if (sends_left(best, bin)) lefts[thread] += word;
        }
      });
      const uint64_t total = block.prefix_sums(totals, spare);
      const uint64_t left_word = block.prefix_sums(lefts, spare);
      whole.add(total, rules.unit);
      left.add(left_word, rules.unit);
      right.add(total - left_word, rules.unit);
    }
    LeafSplit split{};
    if (!allows(rules, node, best.feature) || !left.may_stand(rules) || !right.may_stand(rules)) {
      return split;
    }
    split.gain = (left.score() + right.score()) - whole.score();
    split.stands = 1;
    return split;
  }
};

}  // namespace assay::backends::cuda
