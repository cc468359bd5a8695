#include "backends/cuda/grow_tree_level_batch.h"

#include <algorithm>

#include "backends/cuda/tree_row_kernels.h"

namespace assay::backends::cuda {
namespace {

constexpr int64_t kDivideTasks = 1024;  // of a launch: its blocks look for their task
constexpr int32_t kMostPiece = 8;       // leaves of a block

}  // namespace

void LevelBatch::cut(const Room& room) {
  const int64_t slots = keeps ? room.gain_leaves : count_of(room.slots);
  const int64_t most = std::min(room.gain_leaves, slots);
  for (int64_t first = 0; first < count_of(leaves); first += most) {
    LevelPass pass;
    pass.first_leaf = static_cast<int32_t>(first);
    pass.leaf_count = static_cast<int32_t>(std::min(most, count_of(leaves) - first));
    cut_pieces(room, pass);
    cut_builds(room, pass);
    passes.push_back(pass);
  }
  cut_divisions();
}

void LevelBatch::cut_pieces(const Room& room, LevelPass& pass) {
  // So many leaves a block that there are still blocks for two turns of all multiprocessors.
  constexpr int64_t kBlocks = 2 * 16;
  const int64_t blocks = int64_t{room.feature_limit} * pass.leaf_count;
  const auto piece = static_cast<int32_t>(
      std::clamp<int64_t>(blocks / (kBlocks * room.multiprocessors), 1, kMostPiece));
  pass.first_piece = pieces.size();
  pass.first_share = shares.size();
  const int32_t pass_end = pass.first_leaf + pass.leaf_count;
  for (const LevelPiece& range : ranges) {
    const int32_t begin = std::clamp(range.first, pass.first_leaf, pass_end);
    const int32_t end = std::clamp(range.first + range.count, pass.first_leaf, pass_end);
    shares.push_back({begin, end - begin});
    for (int32_t first = begin; first < end; first += piece) {
      pieces.push_back({first, std::min(piece, end - first)});
    }
  }
  pass.piece_count = pieces.size() - pass.first_piece;
}

void LevelBatch::cut_builds(const Room& room, LevelPass& pass) {
  std::vector<Piece> wanted;
  if (keeps) {
    if (pass.first_leaf == 0) wanted = to_build;
  } else {
    for (int32_t i = 0; i < pass.leaf_count; ++i) {
      const auto leaf = static_cast<size_t>(pass.first_leaf + i);
      SearchTask& node = leaves[leaf].node;
      node.slot = node.parent_slot = room.slots[static_cast<size_t>(i)];
      wanted.push_back({{node.task, node.part, 0, node.slot}, rows[leaf]});
    }
  }
  int64_t all_rows = 0;
  for (const Piece& piece : wanted) all_rows += piece.rows;
  pass.chunk_rows = room.chunk_rows_of(all_rows);
  pass.first_cleared = cleared.size();
  pass.first_build = builds.size();
  for (const Piece& piece : wanted) {
    cleared.push_back(piece.whole.slot);
    ChunkTask chunk = piece.whole;
    const int64_t count = pieces_of(piece.rows, pass.chunk_rows);
    for (chunk.chunk = 0; chunk.chunk < count; ++chunk.chunk) builds.push_back(chunk);
  }
  pass.cleared_count = cleared.size() - pass.first_cleared;
  pass.build_count = builds.size() - pass.first_build;
}

void LevelBatch::cut_divisions() {
  for (int64_t first = 0; first < count_of(tasks); first += kDivideTasks) {
    Slice slice{first, std::min(kDivideTasks, count_of(tasks) - first), count_of(divisions), 0};
    for (int64_t i = first; i < first + slice.count; ++i) {
      const auto task = static_cast<size_t>(i);
      divisions.push_back(slice.blocks);
      if (divided[task] == 0) continue;
      const int64_t task_rows = tasks[task].end - tasks[task].begin;
      slice.blocks += static_cast<int32_t>(pieces_of(task_rows, DivideRowsKernel::kRows));
    }
    divisions.push_back(slice.blocks);
    slices.push_back(slice);
  }
}

Packing LevelBatch::pack(size_t offset) {
  Packing packing;
  const std::vector<SplitCounts> no_counts(tasks.size());
  counts_at = offset + packing.add(no_counts);
  tasks_at = offset + packing.add(tasks);
  searches_at = offset + packing.add(searches);
  leaves_at = offset + packing.add(leaves);
  features_at = offset + packing.add(features);
  subtracted_at = offset + packing.add(subtracted);
  divisions_at = offset + packing.add(divisions);
  pieces_at = offset + packing.add(pieces);
  shares_at = offset + packing.add(shares);
  cleared_at = offset + packing.add(cleared);
  builds_at = offset + packing.add(builds);
  return packing;
}

}  // namespace assay::backends::cuda
