// split_scan: interiors and costs. One compute unit takes a word of the histogram a cycle.
//
//   words (lines) --> words, column behind column --> prefix sums --> gain, missing left  --+-->
//   best
//                                                                 \-> gain, missing right --+    of
//                                                                 column
//
// Columns follow one another without a gap: the loop over all words of a node is one pipeline (a
// column that is not scanned costs it one cycle), and a column's first word (of the missing rows)
// resets the prefix. The sums are integers; from there on the operations are those of
// kernels/grow_tree.h in its order, in IEEE doubles, each its own pipelined operator and none
// contracted. Only comparisons are done otherwise, with the same outcome: doubles compare as
// integers once their bits are mapped to an order, so that the best so far is a loop of one cycle;
// and floor(x) >= m is x >= m for a whole m.
//
// The vendor's operators take subnormal numbers for 0. None comes up here: the units are powers of
// two within 2^-170 and 2^170, as gradients are f32, and a sum is 0 or at least a unit; the
// parameters are taken to be 0 or normal.
//
// Class mode takes a code every 8 cycles: its 8 lanes come one after the other, and the classes'
// squares are summed in ascending order by a chain of 8 adders that the interval of 8 shares.
//
// Bytes a cycle: 8. Records out: 16 bytes a column.
#pragma once

#include <cstdint>

#include "backends/xrt/hls/card.h"
#include "backends/xrt/hls/kernels.h"

namespace assay_hls {

// From a word to its gain: conversion, product, sum, square, division, difference, comparison.
constexpr int64_t kGainLatency = 110;

struct ScanWork {
  int64_t nodes;
  int64_t columns;
  int64_t codes;  // of all columns, a node
  int64_t codes_of_first;
  int64_t lanes;
  bool class_mode;
};

constexpr double scan_cycles(const ScanWork& work) {
  const int64_t totals = work.codes_of_first * work.lanes + kMemoryLatency;
  // Columns are fetched one after another, each with a wait, beside the scan.
  const int64_t fetch = divide_up(work.codes * work.lanes, 8) + work.columns * kMemoryLatency;
  const int64_t codes = work.codes * (work.class_mode ? kScanLanes : 1);
  const int64_t scan = (fetch > codes ? fetch : codes) + kMemoryLatency;
  const int64_t records = 2 * (work.columns + work.lanes) + 2 * kMemoryLatency;
  // Before it: the rules and the table of columns; for each node, where it lies.
  return static_cast<double>(kStartLatency + 2 * kMemoryLatency + work.columns * 4 +
                             work.nodes *
                                 (kMemoryLatency + totals + scan + records + 2 * kGainLatency));
}

constexpr double scan_bytes(const ScanWork& work) {
  return static_cast<double>(work.nodes) *
         (8.0 * static_cast<double>((work.codes + work.codes_of_first) * work.lanes) +
          16.0 * static_cast<double>(work.columns + work.lanes));
}

// A candidate: two sides, each products sum * unit, mass * unit, t * t and mass * share, and the
// sums |g| - l1, H + l2 and + 0.5; two sums for its gain. Two candidates (missing left and right) a
// cycle. The class chain: two sides of two candidates, 8 products of unit and 8 squares and sums
// each, over 8 cycles. In BRAM: the table, records, queues of lines and ports' buffers.
constexpr Resources scan_resources() {
  return {2 * (2 * (4 * kDspDoubleMul + 3 * kDspDoubleAdd) + 2 * kDspDoubleAdd) +
              4 * (2 * kDspDoubleMul + kDspDoubleAdd) + 2 * kDspDoubleAdd,
          bram_blocks(kScanColumns, 41) + bram_blocks(kScanColumns, 128) +
              2 * bram_blocks(64, 512) + 2 * bram_blocks(32, 129) + port_brams(16, 64) +
              port_brams(16, 16, 64) + port_brams(16, 64, 64) + port_brams(16, 16, 32),
          0};
}

}  // namespace assay_hls
