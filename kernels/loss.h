// Ops loss_gradients and loss_value: training losses of boosting, and exact transforms of scores.
// Everything uses exact_math.h in doubles without contraction, and sums in int64 fixed point, so
// all implementations agree bit for bit.
//
//   kSquared   score s, target y:      loss (s - y)^2 / 2      g = s - y        h = 1
//   kLogistic  score s, class y:       loss log(1 + e^-s) or log(1 + e^s)
//                                      p = 1 / (1 + e^-s)      g = p - y        h = p (1 - p)
//   kSoftmax   scores s_k, class y:    loss log(sum e^s_k) - s_y
//                                      p = softmax(s)          g = p_k - [k=y]  h = p_k (1 - p_k)
// For regression on targets y, with d = s - y and a parameter of the loss:
//   kAbsolute  loss |d|                g = sign(d), 0 at 0               h = 1
//   kHuber     loss d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2)
//                                      g = d, or delta with d's sign     h = 1
//   kQuantile  loss d (1 - alpha) where d > 0, else -d alpha
//                                      g = 1 - alpha, -alpha, 0 at 0     h = 1
// For targets y >= 0 and scores that are logarithms of their mean, half the unit deviance:
//   kPoisson   loss (e^s - y) - y (s - log y)
//                                      g = e^s - y                       h = e^s
//   kTweedie   of variance mean^power, with a = 1 - power < 0 and b = 2 - power > 0:
//              loss (e^(b s) / b - (y / a) e^(a s)) + y^b / (a b)
//                                      g = e^(b s) - y e^(a s)           h = b e^(b s) - (a y) e^(a
//                                      s)
// For targets y in [0, 1], chances of the second of two classes:
//   kCrossEntropy  loss y log(1 + e^-s) + (1 - y) log(1 + e^s)
//                                      g = p - y, p = 1 / (1 + e^-s)     h = p (1 - p)
// For relevances y >= 0 of rows in groups, the answers to a query each (Burges, "From RankNet to
// LambdaRank to LambdaMART: An Overview", 2010; kernels/rank_rules.h has the pieces):
//   kLambdaRank  rows of a group rank by score, the highest first, equal ones by place. Of two rows
//              i, j of a group with y_i > y_j, delta = swap_change of their gains, discounts of
//              their ranks (cut at the parameter) and best, and p = 1 / (1 + e^(s_i - s_j));
//              best is the sum of gain * discount in order of y, the highest first. Row i gets
//                                      g: -(delta p)    h: (delta p) (1 - p)
//              from j, which gets the same with the other sign of g; both sums run from 0 over a
//              row's partners in order of place, but those of which delta is 0.
//              loss of a row: half the sum over its partners of delta log(1 + e^(s_j - s_i))
//              delta does not count as a function of the scores: it is of their order as it stands.
// Exponents of kPoisson and kTweedie above 300 count as 300; of a y below 2^-1022 its logarithm's
// and power's terms are 0 (y^b is e^(b log y)); a loss below 0, which only rounding makes, is 0.
//
// In this order of operations: the softmax of K scores takes the greatest, m, then
// e_k = exp(s_k - m), their sum in ascending k, p_k = e_k / sum, and its loss is log(sum) - (s_y -
// m); its hessian is (p (1 - p)) * (K / (K - 1)), after Friedman 2001. A hessian below 1e-16
// becomes 1e-16. Then gradient and hessian are multiplied by the row's weight, clamped to the range
// of f32 and rounded to f32. A loss above 2^100 counts as 2^100, then is multiplied by the weight.
// Scores and targets must be finite.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/loss_kind.h"
#include "kernels/op_table.h"

namespace assay::kernels {

struct LossProblem {
  Loss loss = Loss::kSquared;
  int64_t row_count = 0;     // rows of the matrix: the planes' stride
  int64_t sample_count = 0;  // rows to visit
  int32_t output_count = 1;  // scores a row: 1; kSoftmax: at least 2
  // kHuber: delta > 0; kQuantile: alpha in (0, 1); kTweedie: power in (1, 2); kLambdaRank: the
  // rank, above 0, from which on discounts are 0. Else not read.
  double parameter = 0;
  int64_t group_count = 0;  // kLambdaRank
};

struct LossGradientsArgs {
  const uint32_t* rows = nullptr;      // [sample_count]; null: 0, 1, 2, ...
  const double* scores = nullptr;      // [row_count, output_count] row-major, indexed by row
  const double* targets = nullptr;     // [row_count], unless takes_classes(loss)
  const int32_t* classes = nullptr;    // [row_count], if it does
  const float* weights = nullptr;      // [row_count], >= 0; null: 1
  float* gradients = nullptr;          // out, [output_count, row_count]: a plane an output
  float* hessians = nullptr;           // out, likewise
  float* max_abs_gradients = nullptr;  // out, host, [output_count]: over the visited rows
  float* max_hessians = nullptr;       // out, host, [output_count]
  // kLambdaRank, host, [group_count]: the groups are rows[0, ends[0]), rows[ends[0], ends[1]), ...,
  // the last end is sample_count.
  const int64_t* group_ends = nullptr;
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
  const int64_t* group_ends = nullptr;  // as in LossGradientsArgs
};

struct LossValue {
  static constexpr std::string_view kName = "loss_value";
  using Problem = LossProblem;
  using Args = LossValueArgs;
};

// The range checks that every implementation starts with.
Status check_problem(const LossProblem& problem);

}  // namespace assay::kernels
