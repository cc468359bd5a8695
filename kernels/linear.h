// Ops linear_scores and linear_gradient: what training a linear model does with a dense matrix.
// For parameters W [columns, outputs] with intercepts b, and derivatives g of a loss by scores:
//
//     linear_scores     scores[r, k] = b[k] + sum over j of x[r, j] W[j, k]
//     linear_gradient   sums[j, k]   = sum over rows of x[r, j] g[k, r]
//                       sums[c, k]   = sum over rows of g[k, r], c the number of columns
//
// In doubles without contraction, in this order, so all implementations agree bit for bit. A score
// starts as b[k]; products are added in ascending j. Sums are of chunks of kLinearChunkRows
// positions in `rows`: a chunk's sum runs from 0 over its positions, and the sums of chunks are
// added from 0, both ascending. Products of x and g are exact.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/op_table.h"

namespace assay::kernels {

inline constexpr int64_t kLinearChunkRows = 2048;

struct LinearProblem {
  int64_t row_count = 0;     // rows of the matrix
  int64_t sample_count = 0;  // rows to visit
  int32_t column_count = 0;
  int32_t output_count = 1;
};

struct LinearScoresArgs {
  const float* features = nullptr;     // [row_count, column_count] row-major
  const uint32_t* rows = nullptr;      // [sample_count], distinct; null: 0, 1, 2, ...
  const double* parameters = nullptr;  // [column_count + 1, output_count] row-major, b last
  double* scores = nullptr;            // out, [row_count, output_count] row-major, by row
};

// Both ops fail: invalid_argument for sizes out of range or missing arrays; cancelled;
// resource_exhausted.
struct LinearScores {
  static constexpr std::string_view kName = "linear_scores";
  using Problem = LinearProblem;
  using Args = LinearScoresArgs;
};

struct LinearGradientArgs {
  const float* features = nullptr;
  const uint32_t* rows = nullptr;
  const float* gradients = nullptr;  // [output_count, row_count]: a plane an output, by row
  double* sums = nullptr;            // out, host, [column_count + 1, output_count] row-major
};

struct LinearGradient {
  static constexpr std::string_view kName = "linear_gradient";
  using Problem = LinearProblem;
  using Args = LinearGradientArgs;
};

// The range checks that every implementation starts with.
Status check_problem(const LinearProblem& problem, const LinearScoresArgs& args);
Status check_problem(const LinearProblem& problem, const LinearGradientArgs& args);

}  // namespace assay::kernels
