// tree_histogram: interiors and costs. One compute unit takes a row of up to 64 columns a cycle.
//
//   rows --> row numbers --+--> packed gather ---------+
//                          +--> cells gather (lines) --+--> 64 columns x 4 replicas --> fold -->
//                          drain
//
// Sums are integers, so rows may be added in any order and a card has the CPU's bits. A column has
// a memory of its own, so a row's 64 additions do not meet. An addition takes 4 cycles from the
// read to the write of its word, and rows of one code may follow one another: row i adds to replica
// i % 4, so that a word is touched every fourth cycle at most and the loop keeps an initiation
// interval of 1. Replicas are folded into one when the rows are through.
//
// Bytes a cycle: 64 of cells (one line), 4 of packed, 4 of row numbers; 8 out while draining.
// Constants and constexpr functions only; sources of docs/fpga-performance.md.
#pragma once

#include <cmath>
#include <cstdint>

#include "backends/xrt/hls/card.h"
#include "backends/xrt/hls/kernels.h"

namespace assay_hls {

constexpr int kHistogramReplicas = 4;
constexpr int kHistogramDepth = 256 * kHistogramLanes * kHistogramReplicas;  // words of a column
constexpr int64_t kHistogramTile = 4096;                                     // rows of a region
constexpr int64_t kDrainChunk = 64;                                          // lines of a burst

// A node of a block of columns.
struct HistogramWork {
  int64_t rows;
  int64_t width;         // columns
  double lines_per_row;  // lines of cells fetched for a row, at most 2
  double packed_lines;   // likewise of packed, at most 1
  int64_t codes;         // of all columns
  int64_t codes_of_widest;
  int64_t lanes;
  bool rest;  // the sibling too
};

// Of a block of a table, for a selected row, if a share of its rows is selected, evenly spread:
// every line that holds a part of a selected row is fetched once. Rows begin at multiples of the
// greatest power of two that divides their width. (Of `packed`, the same with a width of 4.)
inline double histogram_lines(int64_t width, double selected_share) {
  const int64_t step = (width & -width) < 64 ? (width & -width) : 64;
  const double rows_of_line = static_cast<double>(64 - step + width) / static_cast<double>(width);
  const double touched = 1.0 - std::pow(1.0 - selected_share, rows_of_line);
  return static_cast<double>(width) / 64.0 * touched / selected_share;
}

// A row takes a cycle, or one for each line beyond the first that it waits for.
constexpr double histogram_cycles(const HistogramWork& work) {
  const double columns = static_cast<double>(work.width + 1 + kMemoryLatency);
  const double row_cycles = work.lines_per_row > 1 ? work.lines_per_row : 1.0;
  const double tiles = static_cast<double>(divide_up(work.rows, kHistogramTile));
  const double words = static_cast<double>(work.codes * work.lanes);
  const double used = static_cast<double>(work.codes_of_widest * work.lanes);
  const double chunks = static_cast<double>(divide_up(work.codes * work.lanes, 8 * kDrainChunk));
  const double clear = used * kHistogramReplicas;
  const double add = work.rows * row_cycles + tiles * 2 * kMemoryLatency;
  const double fold = used * 3;  // five accesses of a memory of two ports
  const double drain = words + words / 8 + chunks * kMemoryLatency;
  const double rest = work.rest ? words / 4 + 2 * chunks * kMemoryLatency : 0.0;
  return kStartLatency + columns + clear + add + fold + drain + rest;
}

// What it moves on its ports, in bytes.
constexpr double histogram_bytes(const HistogramWork& work) {
  const double words = 8.0 * static_cast<double>(work.codes * work.lanes);
  return work.rows * (64.0 * (work.lines_per_row + work.packed_lines) + 4.0) +
         words * (work.rest ? 3.0 : 1.0);
}

// Columns in URAM; queues of lines, the drain's buffer and the ports' buffers in BRAM.
constexpr Resources histogram_resources() {
  const int64_t ports =
      2 * port_brams(kGatherReads, kGatherBurst) + 2 * port_brams(16, 64) + port_brams(16, 16, 32);
  return {kDspWideMul, 5 * bram_blocks(64, 512) + bram_blocks(kDrainChunk, 512) + ports,
          kHistogramColumns * uram_blocks(kHistogramDepth, 64)};
}

}  // namespace assay_hls
