// The kernels of knn_topk, with the bits of the contract.
//
// NearestPointsKernel goes with a block of threads over a part of the points, 64 at a time, for 32
// queries. Eight threads, one for each of the contract's sums, share a square of 8 x 8 distances:
// each has one of the sums of all 64, so that 16 numbers read from shared memory are 64 squares.
// Then the eight sums of a distance are added in shared memory. No distance is written down unless
// it is among the nearest so far: for each query and part there is a list in the GPU's memory, its
// first k places the nearest of some points, behind them what came later and was nearer than the
// k-th. A list that might not take another tile is sorted, and what is not among the first k goes.
// In random order some k * ln(points / k) of a part's points enter; in the worst order all do, and
// sorting then takes most of the time.
//
// MergeNeighboursKernel makes one list of those of the parts: what precedes an entry in all of them
// is its place.
#pragma once

#include <bit>
#include <cstdint>

#include "backends/cuda/block.h"
#include "backends/cuda/quad.h"

namespace assay::backends::cuda {

// The bits of a distance, then an index: in the contract's order. An empty place comes last.
using NeighbourEntry = uint64_t;
inline constexpr NeighbourEntry kNoNeighbour = ~NeighbourEntry{0};

ASSAY_DEVICE inline NeighbourEntry entry_of(float distance, int64_t point) {
  constexpr uint32_t kInfinity = 0x7f800000;
  constexpr uint32_t kNoNumber = 0x7fc00000;
  const uint32_t bits = std::bit_cast<uint32_t>(distance) & 0x7fffffff;
  const uint32_t key = bits > kInfinity ? kNoNumber : bits;
  return NeighbourEntry{key} << 32 | static_cast<NeighbourEntry>(point);
}

struct NearestPointsKernel {
  static constexpr int32_t kThreads = 256;
  static constexpr int32_t kQueries = 32;
  static constexpr int32_t kPoints = 64;
  static constexpr int32_t kSums = 8;  // of a distance
  static constexpr int32_t kSide = 8;  // queries and points of a square
  static constexpr int32_t kSquare = kSide * kSide;
  static constexpr int32_t kSquaresDown = kQueries / kSide;
  static constexpr int32_t kSquaresAcross = kPoints / kSide;
  static constexpr int32_t kSquares = kSquaresDown * kSquaresAcross;
  static_assert(kSquares * kSums == kThreads);
  static constexpr int32_t kDepth = 32;  // dimensions of a panel
  static constexpr int32_t kTurns = kDepth / kSums;
  // Between dimensions of a panel: eight threads that read one of them each meet no bank twice.
  static constexpr int32_t kQueryStride = kQueries + 4;
  static constexpr int32_t kPointStride = kPoints + 4;
  static constexpr int32_t kPanel = kDepth * (kQueryStride + kPointStride);
  // Half of all squares at a time: [kSums][kSquares][kSquare / 2].
  static constexpr int32_t kSumStride = kSquares * kSquare / 2 + 4;

  static constexpr int32_t kCountsOffset = kQueries * static_cast<int32_t>(sizeof(NeighbourEntry));
  static constexpr int32_t kFullOffset =
      kCountsOffset + kQueries * static_cast<int32_t>(sizeof(uint32_t));
  static constexpr int32_t kRoomOffset = 512;
  static_assert(kFullOffset < kRoomOffset);
  static constexpr int32_t kRoom = 2 * kPanel > kSums* kSumStride ? 2 * kPanel : kSums* kSumStride;
  static constexpr int32_t kSharedBytes = kRoomOffset + kRoom * static_cast<int32_t>(sizeof(float));

  // Grid: x tiles of queries, y parts. `capacity` is a power of two, at least k + kPoints.
  struct Params {
    const float* points;
    const float* queries;
    NeighbourEntry* lists;  // [query_count, parts, capacity], all kNoNeighbour; sorted by the end
    int64_t point_count;
    int64_t query_count;
    int64_t part_points;
    int32_t parts;
    int32_t capacity;
    int32_t dim;
    int32_t k;
  };

  struct Sums {
    float at[kSquare];
  };
  // A thread's part of a panel: one dimension of every eight, of a query and two points.
  struct Loaded {
    float queries[kTurns];
    float points[2 * kTurns];
  };
  struct Job {
    const Params* params;
    const float* queries;
    NeighbourEntry* lists;  // of the first query
    int32_t queries_here;
    int64_t points_end;
    // Shared memory.
    NeighbourEntry* limits;  // [kQueries] what enters is before
    uint32_t* counts;        // [kQueries]
    uint32_t* full;          // whether a list might not take another tile
    float* room;

    ASSAY_DEVICE NeighbourEntry* list(int32_t query) const {
      return lists + int64_t{query} * params->parts * params->capacity;
    }
    ASSAY_DEVICE float* panel(int32_t number) const { return room + (number & 1) * kPanel; }
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const int64_t first_query = block.x() * kQueries;
    const int64_t begin = block.y() * params.part_points;
    const int64_t end = begin + params.part_points;
    const int64_t queries_left = params.query_count - first_query;
    const Job job{&params,
                  params.queries + first_query * params.dim,
                  params.lists + (first_query * params.parts + block.y()) * params.capacity,
                  static_cast<int32_t>(queries_left < kQueries ? queries_left : kQueries),
                  end < params.point_count ? end : params.point_count,
                  block.template shared<NeighbourEntry>(),
                  block.template shared<uint32_t>(kCountsOffset),
                  block.template shared<uint32_t>(kFullOffset),
                  block.template shared<float>(kRoomOffset)};
    typename Block::template PerThread<Sums> sums;
    block.each([&](int32_t thread) {
      if (thread < kQueries) {
        job.limits[thread] = kNoNeighbour;
        job.counts[thread] = 0;
      }
      if (thread == 0) *job.full = 0;
    });
    for (int64_t first = begin; first < job.points_end; first += kPoints) {
      measure(block, job, first, sums);
      enter_half<0>(block, job, first, sums);
      enter_half<1>(block, job, first, sums);
      if (*job.full != 0) shrink(block, job);
    }
    shrink(block, job);
  }

  // The sums of the distances to the points from `first` on.
  template <class Block, class AllSums>
  ASSAY_DEVICE static void measure(Block& block, const Job& job, int64_t first, AllSums& sums) {
    const int32_t dim = job.params->dim;
    const int32_t panels = (dim + kDepth - 1) / kDepth;
    block.each([&](int32_t thread) {
      ASSAY_UNROLL
      for (int32_t i = 0; i < kSquare; ++i) sums[thread].at[i] = 0;
      if (panels > 0) store(load(job, first, 0, thread), job.panel(0), thread);
    });
    for (int32_t panel = 0; panel < panels; ++panel) {
      block.each([&](int32_t thread) {
        Loaded next{};
        if (panel + 1 < panels) next = load(job, first, panel + 1, thread);
        add_squares(job.panel(panel), dim - panel * kDepth, thread, sums[thread]);
        if (panel + 1 < panels) store(next, job.panel(panel + 1), thread);
      });
    }
  }

  // What is not there is 0: it adds nothing.
  ASSAY_DEVICE static Loaded load(const Job& job, int64_t first, int32_t panel, int32_t thread) {
    Loaded loaded;
    const int32_t dim = job.params->dim;
    const int32_t row = thread / kSums;
    ASSAY_UNROLL
    for (int32_t i = 0; i < kTurns; ++i) {
      const int32_t j = panel * kDepth + i * kSums + thread % kSums;
      loaded.queries[i] =
          j < dim && row < job.queries_here ? job.queries[int64_t{row} * dim + j] : 0.0f;
      ASSAY_UNROLL
      for (int32_t half = 0; half < 2; ++half) {
        const int64_t point = first + row + half * (kPoints / 2);
        loaded.points[2 * i + half] =
            j < dim && point < job.points_end ? job.params->points[point * dim + j] : 0.0f;
      }
    }
    return loaded;
  }

  ASSAY_DEVICE static void store(const Loaded& loaded, float* panel, int32_t thread) {
    float* queries = panel + thread % kSums * kQueryStride + thread / kSums;
    float* points = panel + kDepth * kQueryStride + thread % kSums * kPointStride + thread / kSums;
    ASSAY_UNROLL
    for (int32_t i = 0; i < kTurns; ++i) {
      queries[i * kSums * kQueryStride] = loaded.queries[i];
      points[i * kSums * kPointStride] = loaded.points[2 * i];
      points[i * kSums * kPointStride + kPoints / 2] = loaded.points[2 * i + 1];
    }
  }

  // Dimensions in ascending order, every eighth; of the panel's the first `left` are there.
  ASSAY_DEVICE static void add_squares(const float* panel, int32_t left, int32_t thread,
                                       Sums& sums) {
    const int32_t square = thread / kSums;
    const float* queries = panel + thread % kSums * kQueryStride + square / kSquaresAcross * kSide;
    const float* points = panel + kDepth * kQueryStride + thread % kSums * kPointStride +
                          square % kSquaresAcross * kSide;
    ASSAY_UNROLL
    for (int32_t i = 0; i < kTurns; ++i) {
      if (i * kSums >= left) return;
      const float* down = queries + i * kSums * kQueryStride;
      const float* across = points + i * kSums * kPointStride;
      const Quad<float> q[2] = {load_quad(down), load_quad(down + 4)};
      const Quad<float> p[2] = {load_quad(across), load_quad(across + 4)};
      ASSAY_UNROLL
      for (int32_t a = 0; a < kSide; ++a) {
        ASSAY_UNROLL
        for (int32_t b = 0; b < kSide; ++b) {
          const float difference = q[a / 4].at[a % 4] - p[b / 4].at[b % 4];
          float& sum = sums.at[a * kSide + b];
          sum = sum + difference * difference;
        }
      }
    }
  }

  // Adds the eight sums of the upper or lower halves of all squares; distances that are near enough
  // enter their lists.
  template <int32_t kHalf, class Block, class AllSums>
  ASSAY_DEVICE static void enter_half(Block& block, const Job& job, int64_t first, AllSums& sums) {
    constexpr int32_t kCells = kSquare / 2;
    block.each([&](int32_t thread) {
      float* target = job.room + thread % kSums * kSumStride + thread / kSums * kCells;
      ASSAY_UNROLL
      for (int32_t i = 0; i < kCells; i += 4) {
        const float* own = sums[thread].at + kHalf * kCells + i;
        store_quad(target + i, Quad<float>{{own[0], own[1], own[2], own[3]}});
      }
    });
    block.each([&](int32_t thread) {
      const int32_t square = thread / kSums;
      const int32_t cell = thread % kSums * 4;  // and three more: four points of one query
      const int32_t query = square / kSquaresAcross * kSide + kHalf * (kSide / 2) + cell / kSide;
      const int64_t point = first + square % kSquaresAcross * kSide + cell % kSide;
      if (query >= job.queries_here) return;
      const float* source = job.room + square * kCells + cell;
      Quad<float> s[kSums];
      ASSAY_UNROLL
      for (int32_t l = 0; l < kSums; ++l) s[l] = load_quad(source + l * kSumStride);
      ASSAY_UNROLL
      for (int32_t i = 0; i < 4; ++i) {
        const float low = (s[0].at[i] + s[1].at[i]) + (s[2].at[i] + s[3].at[i]);
        const float high = (s[4].at[i] + s[5].at[i]) + (s[6].at[i] + s[7].at[i]);
        if (point + i < job.points_end) enter(job, query, entry_of(low + high, point + i));
      }
    });
  }

  ASSAY_DEVICE static void enter(const Job& job, int32_t query, NeighbourEntry entry) {
    if (entry >= job.limits[query]) return;
    const uint32_t place = add_to(job.counts + query, 1);
    job.list(query)[place] = entry;
    if (place >= static_cast<uint32_t>(job.params->capacity - kPoints)) raise_to(job.full, 1);
  }

  // Sorts all lists (Batcher's bitonic network, all of them side by side) and keeps k of each.
  template <class Block>
  ASSAY_DEVICE static void shrink(Block& block, const Job& job) {
    const int32_t capacity = job.params->capacity;
    const int32_t k = job.params->k;
    for (int32_t size = 2; size <= capacity; size *= 2) {
      for (int32_t stride = size / 2; stride > 0; stride /= 2) {
        block.each([&](int32_t thread) {
          for (int32_t i = thread; i < job.queries_here * (capacity / 2); i += kThreads) {
            const int32_t pair = i % (capacity / 2);
            const int32_t low = pair / stride * 2 * stride + pair % stride;
            order(job.list(i / (capacity / 2)) + low, stride, (low & size) == 0);
          }
        });
      }
    }
    block.each([&](int32_t thread) {
      for (int32_t i = thread; i < job.queries_here * (capacity - k); i += kThreads) {
        job.list(i / (capacity - k))[k + i % (capacity - k)] = kNoNeighbour;
      }
      if (thread < job.queries_here) {
        const auto most = static_cast<uint32_t>(k);
        if (job.counts[thread] > most) job.counts[thread] = most;
        job.limits[thread] = job.list(thread)[k - 1];
      }
      if (thread == 0) *job.full = 0;
    });
  }

  ASSAY_DEVICE static void order(NeighbourEntry* low, int32_t stride, bool ascending) {
    const NeighbourEntry a = low[0];
    const NeighbourEntry b = low[stride];
    if ((a > b) != ascending) return;
    low[0] = b;
    low[stride] = a;
  }
};

struct MergeNeighboursKernel {
  static constexpr int32_t kThreads = 256;

  // Grid: x queries, y blocks of kThreads entries of all parts.
  struct Params {
    const NeighbourEntry* lists;  // [queries, parts, capacity], the first k of each sorted
    int32_t* indices;             // [queries, k]
    float* distances;
    int32_t parts;
    int32_t capacity;
    int32_t k;
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const NeighbourEntry* lists = params.lists + block.x() * params.parts * params.capacity;
    block.each([&](int32_t thread) {
      const int64_t i = block.y() * kThreads + thread;
      if (i >= int64_t{params.parts} * params.k) return;
      const auto part = static_cast<int32_t>(i / params.k);
      const auto place = static_cast<int32_t>(i % params.k);
      const NeighbourEntry entry = lists[int64_t{part} * params.capacity + place];
      const int32_t rank = place + entries_before(params, lists, part, entry, params.k - place);
      if (rank < params.k) write(params, block.x() * params.k + rank, entry);
    });
  }

  // Entries of the other parts that go before one of `part`, or some number from `enough` on.
  // Empty places are equal, and in the order of their parts.
  ASSAY_DEVICE static int32_t entries_before(const Params& params, const NeighbourEntry* lists,
                                             int32_t part, NeighbourEntry entry, int32_t enough) {
    int32_t before = 0;
    for (int32_t other = 0; other < params.parts && before < enough; ++other) {
      if (other == part) continue;
      const NeighbourEntry* list = lists + int64_t{other} * params.capacity;
      int32_t low = 0;
      int32_t high = params.k;
      while (low < high) {
        const int32_t middle = (low + high) / 2;
        const bool goes_before = other < part ? list[middle] <= entry : list[middle] < entry;
        if (goes_before) {
          low = middle + 1;
        } else {
          high = middle;
        }
      }
      before += low;
    }
    return before;
  }

  ASSAY_DEVICE static void write(const Params& params, int64_t place, NeighbourEntry entry) {
    constexpr uint32_t kInfinity = 0x7f800000;
    const uint32_t bits = entry == kNoNeighbour ? kInfinity : static_cast<uint32_t>(entry >> 32);
    params.indices[place] = static_cast<int32_t>(static_cast<uint32_t>(entry));
    params.distances[place] = std::bit_cast<float>(bits);
  }
};

}  // namespace assay::backends::cuda
