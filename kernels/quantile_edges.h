// Op quantile_edges: the bin edges of one numeric column.
//
// Takes the finite values (of a sample if there are more than sample_limit of them), sorts them,
// and returns strictly increasing edges e_0 < e_1 < ...: value x belongs to value bin
// 1 + #{k : e_k < x}. With no more than max_value_bins distinct values every value gets its own
// bin, its edges midway between neighbours; otherwise bins of nearly equal count:
//   1. a distinct value whose count is at least n / max_value_bins (n values in all) is heavy and
//      gets a bin alone;
//   2. the other, light values fill the other bins in order: an open bin is closed when its count
//      reaches (light values not in closed bins) / (light bins not closed), itself included in
//      both, or when the next value is heavy. A light value for which no bin is left joins the bin
//      before it.
// An edge between neighbours a < b is a + (b - a) / 2, or a if that rounds to b or is not finite.
// -0 counts as 0.
// The sample of n finite values, in row order, has for each j in [0, sample_limit) the value number
// sample_position(problem, n, j), one uniform draw from each of sample_limit equal strata: it
// depends on the data and the seed alone.
// Exact (no floating sums), so all implementations agree bit for bit.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "kernels/base/rng.h"
#include "kernels/op_table.h"

namespace assay::kernels {

struct QuantileEdgesProblem {
  int64_t row_count = 0;
  int32_t max_value_bins = 254;    // 2..254
  int64_t sample_limit = 200'000;  // 1..2^31
  uint64_t seed = 0;
};

struct QuantileEdgesArgs {
  const double* values = nullptr;        // [row_count]; NaN is missing
  std::vector<double>* edges = nullptr;  // host; replaced. Empty if there is at most one value
};

// Fails: invalid_argument for parameters out of range.
struct QuantileEdges {
  static constexpr std::string_view kName = "quantile_edges";
  using Problem = QuantileEdgesProblem;
  using Args = QuantileEdgesArgs;
};

// floor((j + u) * finite_count / sample_limit), u = w / 2^32, w word j % 4 of the Philox block
// keyed by the seed at counter (j / 4, 0, 0, 2). In [0, finite_count) for j in [0, sample_limit).
int64_t sample_position(const QuantileEdgesProblem& problem, int64_t finite_count, int64_t j);
// The same for j = 4 * block and the three that follow.
std::array<int64_t, 4> sample_positions(const QuantileEdgesProblem& problem, int64_t finite_count,
                                        int64_t block);

// The range checks that every implementation starts with.
Status check_problem(const QuantileEdgesProblem& problem);

}  // namespace assay::kernels
