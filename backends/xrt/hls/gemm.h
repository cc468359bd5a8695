// gemm_f32, gemm_bf16, gemm_int8: interiors and costs. One systolic array of 16 x 16 cells; a tile
// of c is 64 x 128 and stays in the cells, each of which owns 4 x 8 of its elements.
//
//            b: 16 columns of a row of the panel, column c a cycle later than c - 1
//            |   |   |
//   a: 16 -- o - o - o --     a cell multiplies what comes from the left and from above, adds it
//   rows,  -- o - o - o --    to one of its 32 sums, and hands both on: neighbours only
//   row r a cycle later
//
// A floating-point addition takes several cycles; a cell returns to a sum after 32, so the array
// has an initiation interval of 1, and every sum is made in ascending order of k. Panels of 256 of
// k of a and b are loaded before they are used: gathers ask for the lines of all runs without a
// wait between them, and move what begins within a line to its begin (line.h). Either panel lies in
// 16 x 16 banks, so that 16 elements land in one cycle whether they run along the panel or across
// it (transposed operands). int8 takes 4 of k a cycle; bfloat16 is widened to f32 as it arrives.
//
// Bytes a cycle: 64 (f32), 32 or 16 while loading; 4 while c is stored (8 with beta).
#pragma once

#include <cstdint>

#include "backends/xrt/hls/card.h"
#include "backends/xrt/hls/kernels.h"

namespace assay_hls {

constexpr int kGemmSide = 16;
constexpr int kGemmRows = 64;      // of a tile of c
constexpr int kGemmColumns = 128;  // likewise
constexpr int kGemmPanel = 256;    // of k
constexpr int kGemmSums = kGemmRows * kGemmColumns / (kGemmSide * kGemmSide);

struct GemmWork {
  int64_t m;
  int64_t n;
  int64_t k;
  int64_t bytes;  // of an element: 4, 2 or 1
};

constexpr int64_t gemm_pack(int64_t bytes) { return bytes == 1 ? 4 : 1; }

// Sixteen elements a cycle; a run that does not begin at a line costs a line more. Memory is waited
// for once a panel.
constexpr int64_t gemm_load_cycles(int64_t runs, int64_t length) {
  return runs * (divide_up(length, 16) + 1) + kMemoryLatency;
}

constexpr double gemm_tile_cycles(const GemmWork& work, int64_t rows, int64_t columns) {
  const int64_t last = work.k % kGemmPanel;
  const int64_t items = kGemmPanel / gemm_pack(work.bytes) * kGemmSums + 2 * kGemmSide;
  const int64_t full =
      gemm_load_cycles(rows, kGemmPanel) + gemm_load_cycles(kGemmPanel, columns) + items;
  const int64_t rest = gemm_load_cycles(rows, last) + gemm_load_cycles(last, columns) +
                       divide_up(last, gemm_pack(work.bytes)) * kGemmSums + 2 * kGemmSide;
  return static_cast<double>(kGemmSums + work.k / kGemmPanel * full + (last > 0 ? rest : 0) +
                             rows * (columns + kMemoryLatency));
}

constexpr double gemm_cycles(const GemmWork& work) {
  const int64_t down = work.m / kGemmRows;
  const int64_t right = work.n / kGemmColumns;
  const int64_t rows = work.m % kGemmRows;
  const int64_t columns = work.n % kGemmColumns;
  return kStartLatency +
         static_cast<double>(down * right) * gemm_tile_cycles(work, kGemmRows, kGemmColumns) +
         (rows > 0 ? static_cast<double>(right) * gemm_tile_cycles(work, rows, kGemmColumns) : 0) +
         (columns > 0 ? static_cast<double>(down) * gemm_tile_cycles(work, kGemmRows, columns)
                      : 0) +
         (rows > 0 && columns > 0 ? gemm_tile_cycles(work, rows, columns) : 0);
}

constexpr double gemm_bytes(const GemmWork& work) {
  const double row_tiles = static_cast<double>(divide_up(work.m, kGemmRows));
  const double column_tiles = static_cast<double>(divide_up(work.n, kGemmColumns));
  return static_cast<double>(work.k * work.bytes) * (static_cast<double>(work.m) * column_tiles +
                                                     static_cast<double>(work.n) * row_tiles) +
         4.0 * static_cast<double>(work.m * work.n);
}

// A cell: a product and a sum, of f32 also where bfloat16 arrives, which is widened before the
// array; of int8 four products, no two of which have a factor in common, summed in logic. Panels
// and sums are in distributed memory; queues of lines and the ports' buffers in BRAM.
constexpr Resources gemm_resources(int64_t bytes) {
  return {kGemmSide * kGemmSide * (bytes == 1 ? 4 * kDspInt8Mul : kDspFloatMul + kDspFloatAdd) +
              (bytes == 4 ? 2 * kDspDoubleMul + kDspDoubleAdd : 0),
          2 * (2 * bram_blocks(64, 512) + bram_blocks(256, 35) + 2 * bram_blocks(64, 65)) +
              2 * port_brams(kGatherReads, kGatherBurst) + 2 * port_brams(16, 128, 32),
          0};
}

}  // namespace assay_hls
