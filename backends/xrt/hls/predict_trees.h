// predict_trees: interiors and costs. Rows come in tiles that stay on the chip with their scores; a
// group of 16 trees walks over a tile at once, each in an engine with a copy of the tile.
//
//   tile of rows --+--> engine 0:  node -> bin -> side -> node ...  --+--> sum over trees,
//   ascending
//                  +--> ...                                           |
//                  +--> engine 15                                   --+
//
// A step of a walk depends on the step before, so rows take turns: an engine takes one step of one
// row a cycle, and comes back to a row after all others of the tile, by when its node is known.
// Trees may be of any size: children have higher numbers than their parents, so a tree streams
// through an engine's memory in pages of 4096 nodes, and a row waits at the page's edge with the
// number of its node. Scores are summed in ascending order of tree in IEEE doubles: the CPU's bits.
// With one output, a chain of 16 adders takes a row a cycle; else values are gathered from memory,
// one a cycle.
//
// Bytes a cycle: 8 of cells while a tile is loaded; none while walking; 64 of nodes while a page
// is.
#pragma once

#include <cstdint>

#include "backends/xrt/hls/card.h"
#include "backends/xrt/hls/kernels.h"

namespace assay_hls {

constexpr int kPredictEngines = 16;
constexpr int64_t kPredictRows = 1024;     // most rows of a tile
constexpr int64_t kPredictCells = 65536;   // bytes of a tile
constexpr int64_t kPredictScores = 65536;  // scores of a tile
constexpr int32_t kPredictPage = 4096;     // nodes of a tree on the chip
constexpr int32_t kPredictTurns = 16;      // least cycles between two steps of a row
constexpr int64_t kWalkLatency = 14;       // state, node, bin, side
constexpr int64_t kChainLatency = 16 * 8;

struct PredictWork {
  int64_t rows;
  int64_t features;
  int64_t trees;
  int64_t nodes;  // of a tree
  int64_t depth;  // of the deepest leaf of a group, the root being 0
  int64_t leaf_width;
  int64_t outputs;
};

// Rows that a tile may have.
constexpr int64_t predict_tile(int64_t features, int64_t outputs) {
  const int64_t row_bytes = divide_up(features, 64) * 64;
  const int64_t by_cells = row_bytes == 0 ? kPredictRows : kPredictCells / row_bytes;
  const int64_t by_scores = kPredictScores / outputs;
  const int64_t least = by_cells < by_scores ? by_cells : by_scores;
  return least < kPredictRows ? least : kPredictRows;
}

// Nodes are read in bursts of 256 and taken every third cycle, then once more, one a cycle, for
// leaf values and category sets.
constexpr int64_t predict_load_cycles(int64_t nodes) {
  return divide_up(nodes, 256) * (64 + kMemoryLatency) + 4 * nodes + kMemoryLatency;
}

constexpr double predict_tile_cycles(const PredictWork& work, int64_t rows) {
  const int64_t turns = rows < kPredictTurns ? kPredictTurns : rows;
  const int64_t pages = divide_up(work.nodes, kPredictPage);
  const int64_t walk = (work.depth + pages) * (turns + kWalkLatency);
  const bool chain = work.leaf_width == 1 && work.outputs == 1;
  const int64_t add = chain ? rows + kChainLatency
                            : kPredictEngines * (rows * work.leaf_width + 2 * kMemoryLatency);
  // Three lists of where trees begin, then the trees.
  const int64_t load =
      3 * (kPredictEngines + kMemoryLatency) + kPredictEngines * predict_load_cycles(work.nodes);
  const int64_t groups = divide_up(work.trees, kPredictEngines);
  const int64_t cells = divide_up(work.features, 64) * (rows * 8 + 2 * kMemoryLatency);
  const int64_t scores = 2 * (rows * work.outputs + kMemoryLatency);
  return static_cast<double>(cells + scores + groups * (load + walk + add));
}

constexpr double predict_cycles(const PredictWork& work) {
  const int64_t tile = predict_tile(work.features, work.outputs);
  const int64_t rest = work.rows % tile;
  return kStartLatency + static_cast<double>(work.rows / tile) * predict_tile_cycles(work, tile) +
         (rest > 0 ? predict_tile_cycles(work, rest) : 0.0);
}

constexpr double predict_bytes(const PredictWork& work) {
  const int64_t tile = predict_tile(work.features, work.outputs);
  const double tiles = static_cast<double>(divide_up(work.rows, tile));
  const double forest = static_cast<double>(work.trees) * 16.0 * static_cast<double>(work.nodes);
  return tiles * forest + static_cast<double>(work.rows) *
                              (static_cast<double>(work.features) + 16.0 * work.outputs);
}

// An engine: tile, nodes of two words, sets of four; its rows' state in BRAM.
constexpr Resources predict_resources() {
  return {kPredictEngines * kDspDoubleAdd + kDspDoubleAdd,
          kPredictEngines * bram_blocks(kPredictRows, 33) + 5 * bram_blocks(64, 512) +
              3 * port_brams(kGatherReads, kGatherBurst) + port_brams(16, 16, 64) +
              port_brams(16, 64, 64),
          kPredictEngines * (uram_blocks(kPredictCells / 8, 64) + uram_blocks(kPredictPage, 64) +
                             uram_blocks(kPredictPage, 64) + 4 * uram_blocks(kPredictPage, 64)) +
              uram_blocks(kPredictScores, 64)};
}

}  // namespace assay_hls
