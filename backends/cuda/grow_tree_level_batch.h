// LevelBatch: what a level of symmetric trees asks of the GPU. TreeLevels lists the leaves to
// divide and those to search, tree by tree; `cut` then makes passes of them, each of as many leaves
// as there is memory for, and `pack` one upload. Plain data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "backends/cuda/exchange.h"
#include "backends/cuda/tree_level_kernels.h"
#include "backends/cuda/tree_tasks.h"
#include "kernels/base/function_ref.h"

namespace assay::backends::cuda {

// Leaves [first_leaf, first_leaf + leaf_count) whose gains are in memory together, and places of
// what is theirs in the arrays of the batch.
struct LevelPass {
  int32_t first_leaf = 0;
  int32_t leaf_count = 0;
  size_t first_piece = 0;
  size_t piece_count = 0;
  size_t first_share = 0;
  size_t first_cleared = 0;
  size_t cleared_count = 0;
  size_t first_build = 0;
  size_t build_count = 0;
  int32_t chunk_rows = 1;
};

struct LevelBatch {
  // What a histogram is built of, with its most rows; cut into chunks once all are known.
  struct Piece {
    ChunkTask whole;
    int64_t rows;
  };
  // Tasks [first, first + count), cut by divisions [place, place + count].
  struct Slice {
    int64_t first;
    int64_t count;
    int64_t place;
    int32_t blocks;
  };
  // What passes are cut by.
  struct Room {
    int64_t gain_leaves;             // whose gains there is memory for
    std::span<const int32_t> slots;  // that are free
    int32_t feature_limit;           // the most features of a search
    int32_t multiprocessors;
    FunctionRef<int32_t(int64_t)> chunk_rows_of;  // of a chunk, of so many rows in all
  };

  // To be called once all leaves are listed. Where leaves keep no histogram they get slots here.
  void cut(const Room& room);
  // The arrays as one upload, which will be `offset` bytes behind the exchange's start.
  Packing pack(size_t offset);

  bool keeps = true;  // leaves keep their histograms
  std::vector<SplitTask> tasks;
  std::vector<uint8_t> divided;  // of the tasks
  std::vector<SearchTask> searches;
  std::vector<LevelPiece> ranges;  // of the searches: the tree's leaves
  std::vector<LevelLeaf> leaves;
  std::vector<int64_t> rows;  // of the leaves, at most
  std::vector<int32_t> features;
  std::vector<SubtractTask> subtracted;
  std::vector<Piece> to_build;  // where leaves keep their histograms
  // Made by `cut`.
  std::vector<Slice> slices;
  std::vector<LevelPass> passes;
  std::vector<int32_t> divisions;
  std::vector<LevelPiece> pieces;
  std::vector<LevelPiece> shares;
  std::vector<int32_t> cleared;
  std::vector<ChunkTask> builds;
  // Places of the arrays in the exchange, by `pack`. The best splits of the searches are at its
  // start, and `splits_at` those of the leaves.
  size_t splits_at = 0;
  size_t counts_at = 0;
  size_t tasks_at = 0;
  size_t searches_at = 0;
  size_t leaves_at = 0;
  size_t features_at = 0;
  size_t subtracted_at = 0;
  size_t divisions_at = 0;
  size_t pieces_at = 0;
  size_t shares_at = 0;
  size_t cleared_at = 0;
  size_t builds_at = 0;

 private:
  void cut_pieces(const Room& room, LevelPass& pass);
  void cut_builds(const Room& room, LevelPass& pass);
  void cut_divisions();
};

}  // namespace assay::backends::cuda
