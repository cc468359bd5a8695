// Ops loss_gradients and loss_value: training losses of boosting, and exact transforms of scores.
// Everything uses exact_math.h in doubles without contraction, and sums in int64 fixed point, so
// all implementations agree bit for bit.
//
//   kSquared   score s, target y:      loss (s - y)^2 / 2      g = s - y        h = 1
//   kLogistic  score s, class y:       loss log(1 + e^-s) or log(1 + e^s)
//                                      p = 1 / (1 + e^-s)      g = p - y        h = p (1 - p)
//   kSoftmax   scores s_k, class y:    loss log(sum e^s_k) - s_y
//                                      p = softmax(s)          g = p_k - [k=y]  h = p_k (1 - p_k)
// In this order of operations: the softmax of K scores takes the greatest, m, then
// e_k = exp(s_k - m), their sum in ascending k, p_k = e_k / sum, and its loss is log(sum) - (s_y -
// m); its hessian is (p (1 - p)) * (K / (K - 1)), after Friedman 2001. A hessian below 1e-16
// becomes 1e-16. Then gradient and hessian are multiplied by the row's weight, clamped to the range
// of f32 and rounded to f32. A loss above 2^100 counts as 2^100, then is multiplied by the weight.
// Scores and targets must be finite.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/op_table.h"

namespace assay::kernels {

enum class Loss : uint8_t { kSquared, kLogistic, kSoftmax };

inline constexpr double kLeastHessian = 1e-16;
inline constexpr double kGreatestGradient = 3.4028234663852886e38;  // the greatest f32
inline constexpr double kGreatestLoss = 0x1p100;

struct LossProblem {
  Loss loss = Loss::kSquared;
  int64_t row_count = 0;     // rows of the matrix: the planes' stride
  int64_t sample_count = 0;  // rows to visit
  int32_t output_count = 1;  // scores a row: 1; kSoftmax: at least 2
};

struct LossGradientsArgs {
  const uint32_t* rows = nullptr;      // [sample_count]; null: 0, 1, 2, ...
  const double* scores = nullptr;      // [row_count, output_count] row-major, indexed by row
  const double* targets = nullptr;     // kSquared: [row_count]
  const int32_t* classes = nullptr;    // else: [row_count]
  const float* weights = nullptr;      // [row_count], >= 0; null: 1
  float* gradients = nullptr;          // out, [output_count, row_count]: a plane an output
  float* hessians = nullptr;           // out, likewise
  float* max_abs_gradients = nullptr;  // out, host, [output_count]: over the visited rows
  float* max_hessians = nullptr;       // out, host, [output_count]
};

// Both ops fail: invalid_argument for sizes out of range; cancelled.
struct LossGradients {
  static constexpr std::string_view kName = "loss_gradients";
  using Problem = LossProblem;
  using Args = LossGradientsArgs;
};

struct LossValueArgs {
  const uint32_t* rows = nullptr;
  const double* scores = nullptr;
  const double* targets = nullptr;
  const int32_t* classes = nullptr;
  const float* weights = nullptr;
  // Out, host: sum(w * loss) / sum(w), both sums in FixedPoint::for_sum with the greatest term
  // that occurs and sample_count; 0 if the weights sum to 0.
  double* value = nullptr;
};

struct LossValue {
  static constexpr std::string_view kName = "loss_value";
  using Problem = LossProblem;
  using Args = LossValueArgs;
};

// The range checks that every implementation starts with.
Status check_problem(const LossProblem& problem);

}  // namespace assay::kernels
