// All distances of a query, sorted.
#include "kernels/knn_topk.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/reference/reference_ops.h"

namespace assay::kernels::reference {
namespace {

float squared_distance(const float* query, const float* point, int32_t dim) {
  float sums[8] = {};
  for (int32_t j = 0; j < dim; ++j) {
    const float difference = query[j] - point[j];
    sums[j % 8] += difference * difference;
  }
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

struct Neighbour {
  float distance;
  int32_t index;
};

bool nearer(const Neighbour& a, const Neighbour& b) {
  const bool a_counts = !std::isnan(a.distance);
  const bool b_counts = !std::isnan(b.distance);
  if (a_counts != b_counts) return a_counts;
  if (a_counts && a.distance != b.distance) return a.distance < b.distance;
  return a.index < b.index;
}

}  // namespace

Status knn_topk(const OpContext&, const KnnTopkProblem& p, const KnnTopkArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(p));
  for (int64_t query = 0; query < p.query_count; ++query) {
    std::vector<Neighbour> all;
    for (int64_t point = 0; point < p.point_count; ++point) {
      const float distance =
          squared_distance(args.queries + query * p.dim, args.points + point * p.dim, p.dim);
      all.push_back({distance, static_cast<int32_t>(point)});
    }
    std::sort(all.begin(), all.end(), nearer);
    all.resize(static_cast<size_t>(p.k), {std::numeric_limits<float>::infinity(), -1});
    for (int32_t i = 0; i < p.k; ++i) {
      const Neighbour& found = all[static_cast<size_t>(i)];
      args.indices[query * p.k + i] = found.index;
      args.distances[query * p.k + i] =
          std::isnan(found.distance) ? std::numeric_limits<float>::quiet_NaN() : found.distance;
    }
  }
  return {};
}

}  // namespace assay::kernels::reference
