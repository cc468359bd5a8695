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

typedef float Queries[kKnnQueries][kKnnDim];
// Points one behind the other, as in memory.
typedef float Points[kKnnPoints * kKnnDim];
typedef float PartialSums[kKnnPoints][kKnnQueries][kKnnLanes];
// Of each query, ascending.
struct SortedLists {
  uint32_t keys[kKnnQueries][kTopK];
  int32_t indices[kKnnQueries][kTopK];
};

// Sixteen numbers a cycle, from element `begin` of memory on.
void store_numbers(LineStream& lines, int64_t begin, int32_t count, float* numbers) {
  int32_t place = -static_cast<int32_t>(begin & 15);
store_numbers:
  while (place < count) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 16385
    const Line line = lines.read();
    for (int32_t i = 0; i < 16; ++i) {
#pragma HLS unroll
      const int32_t at = place + i;
      if (at >= 0 && at < count) numbers[at] = float_of(word_of(line, i));
    }
    place += 16;
  }
}

void load_numbers(const ap_uint<512>* port, int64_t begin, int32_t count, float* numbers) {
#pragma HLS dataflow
  LineStream lines("lines of numbers");
  fetch_run(port, begin >> 4, word_lines(begin, count), lines);
  store_numbers(lines, begin, count, numbers);
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
#pragma HLS dependence variable = sums type = inter distance = 64 dependent = true
      for (int32_t q = 0; q < kKnnQueries; ++q) {
#pragma HLS unroll
        for (int32_t lane = 0; lane < kKnnLanes; ++lane) {
#pragma HLS unroll
          const int32_t j = chunk * kKnnLanes + lane;
          const bool inside = j < dim;
          // Beyond the last dimension 0 is added, which changes no sum of squares.
          const float difference = inside ? queries[q][j] - points[p * dim + j] : 0.0f;
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

void write_list(const SortedLists& lists, int32_t query, int32_t k, int64_t at, int32_t* indices,
                float* distances) {
write_list:
  for (int32_t i = 0; i < k; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 64
    const uint32_t key = lists.keys[query][i];
    indices[at + i] = lists.indices[query][i];
    distances[at + i] = float_of(key == kEmpty ? kInfinity : key);
  }
}

}  // namespace
}  // namespace assay_hls

extern "C" void knn_topk(const ap_uint<512>* points, const ap_uint<512>* queries, int32_t* indices,
                         float* distances, int64_t point_count, int64_t query_count, int32_t dim,
                         int32_t k) {
#pragma HLS interface m_axi port = points bundle = gmem0 max_read_burst_length = 64
#pragma HLS interface m_axi port = queries bundle = gmem1 max_read_burst_length = 64
#pragma HLS interface m_axi port = indices bundle = gmem2 max_write_burst_length = 64
#pragma HLS interface m_axi port = distances bundle = gmem3 max_write_burst_length = 64
  using namespace assay_hls;
  ASSAY_ON_CHIP Queries group;
  ASSAY_ON_CHIP Points tile;
  ASSAY_ON_CHIP PartialSums sums;
  ASSAY_ON_CHIP SortedLists lists;
#pragma HLS array_partition variable = group type = complete dim = 1
#pragma HLS array_partition variable = group type = cyclic factor = 16 dim = 2
#pragma HLS array_partition variable = tile type = cyclic factor = 16
#pragma HLS bind_storage variable = tile type = ram_2p impl = uram
#pragma HLS array_partition variable = sums type = complete dim = 2
#pragma HLS array_partition variable = sums type = complete dim = 3
#pragma HLS array_partition variable = lists.keys type = complete dim = 0
#pragma HLS array_partition variable = lists.indices type = complete dim = 0
query_groups:
  for (int64_t first = 0; first < query_count; first += kKnnQueries) {
#pragma HLS loop_tripcount min = 1 max = 64
    const int64_t left = query_count - first;
    const int32_t count = static_cast<int32_t>(left < kKnnQueries ? left : kKnnQueries);
    clear_lists(lists);
  load_queries:
    for (int32_t q = 0; q < count; ++q) {
#pragma HLS loop_tripcount min = 1 max = 16
      load_numbers(queries, (first + q) * dim, dim, group[q]);
    }
  point_tiles:
    for (int64_t point = 0; point < point_count; point += kKnnPoints) {
#pragma HLS loop_tripcount min = 1 max = 1024
      const int64_t rest = point_count - point;
      const int32_t points_here = static_cast<int32_t>(rest < kKnnPoints ? rest : kKnnPoints);
      load_numbers(points, point * dim, points_here * dim, tile);
      add_squares(group, tile, dim, sums);
      sort_points(sums, static_cast<int32_t>(point), points_here, lists);
    }
    for (int32_t q = 0; q < count; ++q) {
#pragma HLS loop_tripcount min = 1 max = 16
      write_list(lists, q, k, (first + q) * k, indices, distances);
    }
  }
}
