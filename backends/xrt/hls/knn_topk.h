// knn_topk: interiors and costs. Sixteen queries stay on the chip; points stream by in tiles of 64,
// and every cycle takes 8 dimensions of one point, for all 16 queries.
//
//   points --> tile of 64 --> 16 queries x 8 differences, squared, into 8 sums --> joined --> 16
//   sorted lists
//
// A sum is touched again after the other 63 points of the tile have had their turn, so that the
// latency of an addition does not show: an initiation interval of 1, and every sum is made in
// ascending order of dimension. A list of 64 is a row of registers: a distance is compared with all
// of them at once, as an integer (distances are not negative), and those behind it move by one; an
// equal one stays before it, so ties go to the lower index. A distance a cycle and list.
//
// Points come as lines, each moved to a line of its own (line.h), so that a cycle's 8 numbers are a
// half of one line, wherever a point began in memory.
//
// Bytes a cycle: 64 while a tile is loaded; none while it is worked on.
#pragma once

#include <cstdint>

#include "backends/xrt/hls/card.h"
#include "backends/xrt/hls/kernels.h"

namespace assay_hls {

constexpr int kKnnQueries = 16;
constexpr int kKnnPoints = 64;
constexpr int kKnnLanes = 8;
// Difference, square, three levels of sums, comparison.
constexpr int64_t kDistanceLatency = 60;

struct KnnWork {
  int64_t points;
  int64_t queries;
  int64_t dim;
  int64_t k;
};

constexpr double knn_cycles(const KnnWork& work) {
  const int64_t chunks = divide_up(work.dim, kKnnLanes);
  const int64_t tiles = divide_up(work.points, kKnnPoints);
  const int64_t lines = divide_up(work.dim, 16);  // of a point
  const int64_t load = kKnnPoints * lines + 1 + kMemoryLatency;
  const int64_t tile = load + kKnnPoints * chunks + kKnnPoints + 2 * kDistanceLatency;
  const int64_t query_load = kKnnQueries * lines + 1 + kMemoryLatency;
  const int64_t group = query_load + tiles * tile + kKnnQueries * work.k + kMemoryLatency;
  return static_cast<double>(kStartLatency + divide_up(work.queries, kKnnQueries) * group);
}

constexpr double knn_bytes(const KnnWork& work) {
  const int64_t groups = divide_up(work.queries, kKnnQueries);
  return 4.0 * static_cast<double>((groups * work.points + work.queries) * work.dim) +
         8.0 * static_cast<double>(work.queries * work.k);
}

// A pair of query and lane: difference, square, sum; a query: seven sums to join. Queries in BRAM,
// the tile of points in URAM, both by lines; queues of lines and the ports' buffers in BRAM.
// Partial sums are in distributed memory, sorted lists in registers.
constexpr Resources knn_resources() {
  return {kKnnQueries * (kKnnLanes * (2 * kDspFloatAdd + kDspFloatMul) + 7 * kDspFloatAdd),
          kKnnQueries * bram_blocks(kKnnDim / 16, 512) +
              2 * (2 * bram_blocks(64, 512) + bram_blocks(256, 35) + 2 * bram_blocks(64, 65)) +
              port_brams(kGatherReads, kGatherBurst) + 2 * port_brams(16, 64, 32),
          uram_blocks(kKnnPoints * kKnnDim / 16, 512)};
}

}  // namespace assay_hls
