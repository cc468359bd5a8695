// knn_topk on the host. Points are taken in tiles of 64, turned so that a vector holds one
// dimension of several points; a block of 32 queries shares a tile. A vector's lanes are different
// points, each with the eight sums of the contract, so that bits do not depend on the width of
// vectors.
//
// A neighbour is one integer, the bits of its distance before its index: their order is the
// contract's. Each query has a heap of its k least. Blocks of queries are shared between threads;
// where there are few, the points are cut into parts too, whose lists are merged at the end.
#include "kernels/knn_topk.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <memory>
#include <vector>

#include "backends/cpu/chunk_loop.h"
#include "backends/cpu/cpu_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/knn_topk.cc"
#include <hwy/foreach_target.h>  // NOLINT: compiles this file once for each target
//
#include <hwy/highway.h>

#ifndef ASSAY_BACKENDS_CPU_KNN_TOPK_
#define ASSAY_BACKENDS_CPU_KNN_TOPK_
namespace assay::backends::cpu {
namespace {

constexpr int64_t kTilePoints = 64;
constexpr int32_t kSums = 8;

}  // namespace
}  // namespace assay::backends::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace assay::backends::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::CappedTag<float, kTilePoints>;

// sum + (q - p)^2 for one dimension of a vector of points.
template <class Vector>
HWY_INLINE Vector with_square(Vector sum, float query, const float* points) {
  const F32 d;
  const auto difference = hn::Sub(hn::Set(d, query), hn::LoadU(d, points));
  return hn::Add(sum, hn::Mul(difference, difference));
}

// Distances of a query to the points of a tile [dim, kTilePoints].
void measure(const float* query, const float* tile, int64_t dim, float* distances) {
  const F32 d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < kTilePoints; i += lanes) {
    auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
    const float* points = tile + i;
    int64_t j = 0;
    for (; j + kSums <= dim; j += kSums, points += kSums * kTilePoints) {
      s0 = with_square(s0, query[j], points);
      s1 = with_square(s1, query[j + 1], points + kTilePoints);
      s2 = with_square(s2, query[j + 2], points + 2 * kTilePoints);
      s3 = with_square(s3, query[j + 3], points + 3 * kTilePoints);
      s4 = with_square(s4, query[j + 4], points + 4 * kTilePoints);
      s5 = with_square(s5, query[j + 5], points + 5 * kTilePoints);
      s6 = with_square(s6, query[j + 6], points + 6 * kTilePoints);
      s7 = with_square(s7, query[j + 7], points + 7 * kTilePoints);
    }
    if (j < dim) s0 = with_square(s0, query[j], points);
    if (j + 1 < dim) s1 = with_square(s1, query[j + 1], points + kTilePoints);
    if (j + 2 < dim) s2 = with_square(s2, query[j + 2], points + 2 * kTilePoints);
    if (j + 3 < dim) s3 = with_square(s3, query[j + 3], points + 3 * kTilePoints);
    if (j + 4 < dim) s4 = with_square(s4, query[j + 4], points + 4 * kTilePoints);
    if (j + 5 < dim) s5 = with_square(s5, query[j + 5], points + 5 * kTilePoints);
    if (j + 6 < dim) s6 = with_square(s6, query[j + 6], points + 6 * kTilePoints);
    const auto low = hn::Add(hn::Add(s0, s1), hn::Add(s2, s3));
    const auto high = hn::Add(hn::Add(s4, s5), hn::Add(s6, s7));
    hn::StoreU(hn::Add(low, high), d, distances + i);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace assay::backends::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::backends::cpu {
namespace {

using kernels::DeviceInfo;
using kernels::KnnTopkArgs;
using kernels::KnnTopkProblem;
using kernels::OpContext;

HWY_EXPORT(measure);

constexpr int64_t kBlockQueries = 32;
// Chunks that are enough for any number of threads, and the fewest tiles of one.
constexpr int64_t kWantedChunks = 64;
constexpr int64_t kLeastTiles = 16;
constexpr uint32_t kInfinity = 0x7f800000;
constexpr uint32_t kNoNumber = 0x7fc00000;

// A distance's bits, then an index. An empty place comes last, and has index -1.
using Entry = uint64_t;
constexpr Entry kEmpty = std::numeric_limits<Entry>::max();

uint32_t key_of(float distance) {
  const uint32_t key = std::bit_cast<uint32_t>(distance) & 0x7fffffff;
  return key > kInfinity ? kNoNumber : key;
}

void write_entry(Entry entry, int32_t& index, float& distance) {
  const auto key = static_cast<uint32_t>(entry >> 32);
  index = static_cast<int32_t>(static_cast<uint32_t>(entry));
  distance = std::bit_cast<float>(entry == kEmpty ? kInfinity : key);
}

// How a problem is cut: by itself alone.
struct Cut {
  int64_t blocks = 0;  // of queries
  int64_t part_points = 0;
  int64_t parts = 1;
};

Cut cut_of(const KnnTopkProblem& p) {
  Cut cut;
  cut.blocks = chunk_count_of(p.query_count, kBlockQueries);
  const int64_t tiles = chunk_count_of(p.point_count, kTilePoints);
  const int64_t wanted = kWantedChunks / std::max<int64_t>(1, cut.blocks);
  const int64_t parts = std::clamp<int64_t>(wanted, 1, std::max<int64_t>(1, tiles / kLeastTiles));
  cut.part_points = std::max<int64_t>(1, chunk_count_of(tiles, parts)) * kTilePoints;
  cut.parts = std::max<int64_t>(1, chunk_count_of(p.point_count, cut.part_points));
  return cut;
}

// [dim, kTilePoints] of `count` points; the others are left as they are.
void turn_tile(const float* points, int64_t count, int64_t dim, float* tile) {
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t j = 0; j < dim; ++j) tile[j * kTilePoints + i] = points[i * dim + j];
  }
}

// Puts those of a tile's distances into a heap that belong there.
void take_nearest(const float* distances, int64_t first, int64_t count, Entry* heap, int64_t k) {
  uint32_t keys[kTilePoints];
  for (int64_t i = 0; i < kTilePoints; ++i) keys[i] = key_of(distances[i]);
  for (int64_t i = 0; i < count; ++i) {
    const Entry entry = Entry{keys[i]} << 32 | static_cast<Entry>(first + i);
    if (entry >= heap[0]) continue;
    std::pop_heap(heap, heap + k);
    heap[k - 1] = entry;
    std::push_heap(heap, heap + k);
  }
}

// The nearest of the points [points.begin, points.end) to a block of queries: heaps of k.
void search_part(const OpContext& context, const KnnTopkProblem& p, const KnnTopkArgs& args,
                 ChunkRange queries, ChunkRange points, Entry* heaps) {
  std::vector<float> tile(static_cast<size_t>(p.dim) * kTilePoints);
  float distances[kTilePoints];
  std::fill_n(heaps, (queries.end - queries.begin) * p.k, kEmpty);
  for (int64_t first = points.begin; first < points.end; first += kTilePoints) {
    if (context.stop != nullptr && context.stop->requested()) return;
    const int64_t count = std::min(kTilePoints, points.end - first);
    turn_tile(args.points + first * p.dim, count, p.dim, tile.data());
    for (int64_t query = queries.begin; query < queries.end; ++query) {
      HWY_DYNAMIC_DISPATCH(measure)
      (args.queries + query * p.dim, tile.data(), p.dim, distances);
      take_nearest(distances, first, count, heaps + (query - queries.begin) * p.k, p.k);
    }
  }
}

void write_row(Entry* entries, int64_t count, int32_t k, int32_t* indices, float* distances) {
  std::partial_sort(entries, entries + k, entries + count);
  for (int32_t i = 0; i < k; ++i) write_entry(entries[i], indices[i], distances[i]);
}

// The lists of the parts, [parts, query_count, k], become one.
Status merge_parts(const OpContext& context, const KnnTopkProblem& p, const KnnTopkArgs& args,
                   const Cut& cut, const Entry* lists) {
  return for_chunks(context, cut.blocks, [&](int64_t block, int) {
    const ChunkRange queries = chunk_range(p.query_count, kBlockQueries, block);
    std::vector<Entry> all(static_cast<size_t>(cut.parts * p.k));
    for (int64_t query = queries.begin; query < queries.end; ++query) {
      for (int64_t part = 0; part < cut.parts; ++part) {
        std::copy_n(lists + (part * p.query_count + query) * p.k, p.k, all.data() + part * p.k);
      }
      write_row(all.data(), cut.parts * p.k, p.k, args.indices + query * p.k,
                args.distances + query * p.k);
    }
  });
}

Status search(const OpContext& context, const KnnTopkProblem& p, const KnnTopkArgs& args) {
  const Cut cut = cut_of(p);
  std::unique_ptr<Entry[]> lists;
  if (cut.parts > 1) {
    lists.reset(new (std::nothrow) Entry[static_cast<size_t>(cut.parts * p.query_count * p.k)]);
    if (lists == nullptr) {
      return fail(StatusCode::kResourceExhausted, "knn_topk: no memory for {} lists of {}",
                  cut.parts * p.query_count, p.k);
    }
  }
  ASSAY_RETURN_IF_ERROR(for_chunks(context, cut.blocks * cut.parts, [&](int64_t chunk, int) {
    const ChunkRange queries = chunk_range(p.query_count, kBlockQueries, chunk % cut.blocks);
    const int64_t part = chunk / cut.blocks;
    const ChunkRange points = chunk_range(p.point_count, cut.part_points, part);
    if (lists != nullptr) {
      return search_part(context, p, args, queries, points,
                         lists.get() + (part * p.query_count + queries.begin) * p.k);
    }
    std::vector<Entry> heaps(static_cast<size_t>((queries.end - queries.begin) * p.k));
    search_part(context, p, args, queries, points, heaps.data());
    for (int64_t query = queries.begin; query < queries.end; ++query) {
      write_row(heaps.data() + (query - queries.begin) * p.k, p.k, p.k, args.indices + query * p.k,
                args.distances + query * p.k);
    }
  }));
  // A chunk may have been cut short.
  if (context.stop != nullptr && context.stop->requested()) {
    return fail(StatusCode::kCancelled, "stopped by request");
  }
  return lists == nullptr ? Status() : merge_parts(context, p, args, cut, lists.get());
}

Status run(const OpContext& context, const KnnTopkProblem& problem, const KnnTopkArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem));
  if (problem.query_count == 0) return {};
  return search(context, problem, args);
}

std::optional<std::string> decline(const DeviceInfo&, const KnnTopkProblem&) { return {}; }

double cost(const DeviceInfo&, const KnnTopkProblem& p) {
  const auto pairs = static_cast<double>(p.point_count) * static_cast<double>(p.query_count);
  return 1000 + pairs * (static_cast<double>(p.dim) / 16 + 1);
}

}  // namespace

void register_knn_topk(kernels::KernelSet& kernels) {
  kernels.table<kernels::KnnTopk>().add(
      {.name = "cpu.tiles", .device_kind = "cpu", .decline = decline, .cost = cost, .run = run});
}

}  // namespace assay::backends::cpu
#endif  // HWY_ONCE
