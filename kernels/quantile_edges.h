// Op quantile_edges: the bin edges of one numeric column.
//
// Takes the finite values (of a sample if there are more than sample_limit of them), sorts them,
// and returns strictly increasing edges e_0 < e_1 < ...: value x belongs to value bin
// 1 + #{k : e_k < x}. With no more than max_value_bins distinct values every value gets its own
// bin, its edges midway between neighbours; otherwise bins of nearly equal count:
//   1. a distinct value whose count is at least n / max_value_bins is heavy and gets a bin alone;
//   2. the other values fill bins in order: a bin is closed when its count reaches
//      (rest of light counts) / (rest of light bins), or when the next value is heavy.
// An edge between neighbours a < b is a + (b - a) / 2, or a if that rounds to b or is not finite.
// The sample is values number floor((j + u_j) * n / sample_limit) of the finite ones in row order,
// u_j uniform from Philox keyed by the seed: it depends on the data and the seed alone.
// Exact (no floating sums), so all implementations agree bit for bit.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "kernels/op_table.h"

namespace assay::kernels {

struct QuantileEdgesProblem {
  int64_t row_count = 0;
  int32_t max_value_bins = 254;  // 2..254
  int64_t sample_limit = 200'000;
  uint64_t seed = 0;
};

struct QuantileEdgesArgs {
  const double* values = nullptr;        // [row_count]; NaN is missing
  std::vector<double>* edges = nullptr;  // host; replaced. Empty if there is at most one value
};

struct QuantileEdges {
  static constexpr std::string_view kName = "quantile_edges";
  using Problem = QuantileEdgesProblem;
  using Args = QuantileEdgesArgs;
};

}  // namespace assay::kernels
