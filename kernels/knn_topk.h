// Op knn_topk: the k nearest points of each query by squared Euclidean distance, exactly.
//
// points [point_count, dim] and queries [query_count, dim] are row-major f32; indices and distances
// [query_count, k], each row ascending by (distance, index). The distance of p and q is made of 8
// sums in f32, each operation rounded once (no fused multiply-add):
//   s[l] = sum over j = l, l + 8, l + 16, ... ascending of (q[j] - p[j])^2, from 0
//   distance = ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]))
// so that every device has the same bits; its relative error is about (dim / 8 + 4) * 2^-23. What
// is no number is beyond infinity, and given as the quiet NaN 0x7fc00000. Equal ones are in the
// order of their indices. Where there are fewer points than k: index -1, distance infinity.
// Outputs alias nothing.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/op_table.h"

namespace assay::kernels {

// Neighbours that can be asked for.
inline constexpr int32_t kMostNeighbours = 4096;

struct KnnTopkProblem {
  int64_t point_count = 0;  // below 2^31
  int64_t query_count = 0;
  int32_t dim = 0;  // 0: all distances are 0
  int32_t k = 1;    // 1..kMostNeighbours
};

struct KnnTopkArgs {
  const float* points = nullptr;
  const float* queries = nullptr;
  int32_t* indices = nullptr;
  float* distances = nullptr;
};

// Fails: invalid_argument for sizes out of range; resource_exhausted; cancelled.
struct KnnTopk {
  static constexpr std::string_view kName = "knn_topk";
  using Problem = KnnTopkProblem;
  using Args = KnnTopkArgs;
};

// The range checks that every implementation starts with.
Status check_problem(const KnnTopkProblem& problem);

}  // namespace assay::kernels
