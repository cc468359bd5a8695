// See knn_topk.h.
#include "backends/xrt/hls/knn_topk.h"

#include "backends/xrt/hls/kernels.h"
#include "backends/xrt/hls/line.h"

namespace assay_hls {
namespace {

// Distances by their bits: beyond infinity come NaN and, last, empty places.
constexpr uint32_t kInfinity = 0x7f800000;
constexpr uint32_t kNoNumber = 0x7fc00000;
constexpr uint32_t kEmpty = 0xffffffff;

// Points and queries in lines of 16 numbers; each begins with a line of its own.
constexpr int32_t kKnnLines = kKnnDim / 16;
typedef Line Queries[kKnnQueries][kKnnLines];
typedef Line Points[kKnnPoints][kKnnLines];
typedef float PartialSums[kKnnPoints][kKnnQueries][kKnnLanes];
// Of each query, ascending.
struct SortedLists {
  uint32_t keys[kKnnQueries][kTopK];
  int32_t indices[kKnnQueries][kTopK];
};

template <int kItems>
void store_lines(LineStream& pieces, int32_t count, int32_t item_lines,
                 Line numbers[kItems][kKnnLines]) {
  int32_t item = 0;
  int32_t at = 0;
store_lines:
  for (int32_t i = 0; i < count; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 16384
    numbers[item][at] = pieces.read();
    const bool last = at + 1 == item_lines;
    item = last ? item + 1 : item;
    at = last ? 0 : at + 1;
  }
}

// A line a cycle. Runs lie one behind the other: a line that two of them share is fetched once.
template <int kItems>
void load_numbers(const ap_uint<512>* port, const Runs& runs, int32_t pieces, int32_t item_lines,
                  Line numbers[kItems][kKnnLines]) {
#pragma HLS dataflow
  PlaceStream places("places of numbers");
  RequestStream requests("requests of numbers");
  StepStream steps("steps of numbers");
  LineStream lines("lines of numbers");
  LineStream piece_lines("pieces of numbers");
  locate_pieces(runs, pieces, places);
  plan_rows(places, pieces, requests, steps);
  fetch_lines(port, requests, lines);
  assemble_rows(steps, lines, pieces, piece_lines);
  store_lines<kItems>(piece_lines, pieces, item_lines, numbers);
}

void add_squares(const Queries& queries, const Points& points, int32_t dim, PartialSums& sums) {
  const int32_t chunks = (dim + kKnnLanes - 1) / kKnnLanes;
add_chunks:
  for (int32_t chunk = 0; chunk < chunks; ++chunk) {
#pragma HLS loop_tripcount min = 1 max = 512
  add_points:
    for (int32_t p = 0; p < kKnnPoints; ++p) {
#pragma HLS pipeline II = 1
#pragma HLS loop_flatten
// A point's sums are touched when all 64 points have had their turn.
#pragma HLS dependence variable = sums type = inter distance = 64 dependent = true
      const Line point = points[p][chunk >> 1];
      const int32_t half = (chunk & 1) * kKnnLanes;
      for (int32_t q = 0; q < kKnnQueries; ++q) {
#pragma HLS unroll
        const Line query = queries[q][chunk >> 1];
        for (int32_t lane = 0; lane < kKnnLanes; ++lane) {
#pragma HLS unroll
          const bool inside = chunk * kKnnLanes + lane < dim;
          // Beyond the last dimension 0 is added, which changes no sum of squares.
          const float difference =
              inside ? float_of(word_of(query, half + lane)) - float_of(word_of(point, half + lane))
                     : 0.0f;
          const float sum = chunk == 0 ? 0.0f : sums[p][q][lane];
          sums[p][q][lane] = sum + difference * difference;
        }
      }
    }
  }
}

uint32_t distance_key(const float sums[kKnnLanes]) {
#pragma HLS inline
  const float distance =
      ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
  const uint32_t key = bits_of(distance) & 0x7fffffff;
  return key > kInfinity ? kNoNumber : key;
}

void sort_in(uint32_t key, int32_t index, uint32_t keys[kTopK], int32_t indices[kTopK]) {
#pragma HLS inline
sort_in:
  for (int32_t i = kTopK - 1; i >= 0; --i) {
#pragma HLS unroll
    const bool before_last = i > 0 && key < keys[i > 0 ? i - 1 : 0];
    if (before_last) {
      keys[i] = keys[i - 1];
      indices[i] = indices[i - 1];
    } else if (key < keys[i]) {
      keys[i] = key;
      indices[i] = index;
    }
  }
}

void sort_points(const PartialSums& sums, int32_t first, int32_t count, SortedLists& lists) {
sort_points:
  for (int32_t p = 0; p < count; ++p) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 64
    for (int32_t q = 0; q < kKnnQueries; ++q) {
#pragma HLS unroll
      sort_in(distance_key(sums[p][q]), first + p, lists.keys[q], lists.indices[q]);
    }
  }
}

void clear_lists(SortedLists& lists) {
clear_lists:
  for (int32_t i = 0; i < kTopK; ++i) {
#pragma HLS unroll
    for (int32_t q = 0; q < kKnnQueries; ++q) {
#pragma HLS unroll
      lists.keys[q][i] = kEmpty;
      lists.indices[q][i] = -1;
    }
  }
}

// The lists of the group, one behind the other as in memory: a burst. What is written leaves its
// list at the front, so that nothing is chosen but the list.
void write_lists(SortedLists& lists, int32_t count, int32_t k, int64_t at, int32_t* indices,
                 float* distances) {
  int32_t query = 0;
  int32_t rank = 0;
write_lists:
  for (int32_t i = 0; i < count * k; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 1024
    const uint32_t key = lists.keys[query][0];
    indices[at + i] = lists.indices[query][0];
    distances[at + i] = float_of(key == kEmpty ? kInfinity : key);
    for (int32_t q = 0; q < kKnnQueries; ++q) {
#pragma HLS unroll
      for (int32_t j = 0; j + 1 < kTopK; ++j) {
#pragma HLS unroll
        if (q == query) {
          lists.keys[q][j] = lists.keys[q][j + 1];
          lists.indices[q][j] = lists.indices[q][j + 1];
        }
      }
    }
    const bool last = rank + 1 == k;
    query = last ? query + 1 : query;
    rank = last ? 0 : rank + 1;
  }
}

// Of `count` points or queries, from number `first` on.
Runs runs_of(int64_t first, int32_t count, int32_t dim) {
#pragma HLS inline
  const Runs runs = {first * dim * 4, int64_t{4} * dim, count, 4 * dim};
  return runs;
}

}  // namespace
}  // namespace assay_hls

extern "C" void knn_topk(const ap_uint<512>* points, const ap_uint<512>* queries, int32_t* indices,
                         float* distances, int64_t point_count, int64_t query_count, int32_t dim,
                         int32_t k) {
#pragma HLS interface m_axi port = points bundle = gmem0 num_read_outstanding = \
    128 max_read_burst_length = 2 latency = 120
#pragma HLS interface m_axi port = queries bundle = gmem0 num_read_outstanding = \
    128 max_read_burst_length = 2 latency = 120
#pragma HLS interface m_axi port = indices bundle = gmem1 max_write_burst_length = 64
#pragma HLS interface m_axi port = distances bundle = gmem2 max_write_burst_length = 64
  using namespace assay_hls;
  ASSAY_ON_CHIP Queries group;
  ASSAY_ON_CHIP Points tile;
  ASSAY_ON_CHIP PartialSums sums;
  ASSAY_ON_CHIP SortedLists lists;
#pragma HLS array_partition variable = group type = complete dim = 1
#pragma HLS bind_storage variable = group type = ram_s2p impl = bram
#pragma HLS bind_storage variable = tile type = ram_s2p impl = uram
#pragma HLS array_partition variable = sums type = complete dim = 2
#pragma HLS array_partition variable = sums type = complete dim = 3
#pragma HLS bind_storage variable = sums type = ram_s2p impl = lutram
#pragma HLS array_partition variable = lists.keys type = complete dim = 0
#pragma HLS array_partition variable = lists.indices type = complete dim = 0
query_groups:
  for (int64_t first = 0; first < query_count; first += kKnnQueries) {
#pragma HLS loop_tripcount min = 1 max = 64
    const int64_t left = query_count - first;
    const int32_t count = static_cast<int32_t>(left < kKnnQueries ? left : kKnnQueries);
    clear_lists(lists);
    const int32_t item_lines = pieces_of(4 * dim);
    load_numbers<kKnnQueries>(queries, runs_of(first, count, dim), count * item_lines, item_lines,
                              group);
  point_tiles:
    for (int64_t point = 0; point < point_count; point += kKnnPoints) {
#pragma HLS loop_tripcount min = 1 max = 1024
      const int64_t rest = point_count - point;
      const int32_t points_here = static_cast<int32_t>(rest < kKnnPoints ? rest : kKnnPoints);
      load_numbers<kKnnPoints>(points, runs_of(point, points_here, dim), points_here * item_lines,
                               item_lines, tile);
      add_squares(group, tile, dim, sums);
      sort_points(sums, static_cast<int32_t>(point), points_here, lists);
    }
    write_lists(lists, count, k, first * k, indices, distances);
  }
}
