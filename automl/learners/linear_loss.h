// LinearLoss: value and gradient of the loss of a linear model over dense rows:
//
//     f(W, b) = (sum over rows of w_i * loss(x_i W + b, y_i) + l2 / 2 * |W|^2) / (sum of w_i)
//
// with the losses of score_loss.h. The intercepts b are not penalised. Rows are taken in blocks
// that a core's cache holds: gathered, multiplied (op gemm), turned into residuals, multiplied
// back. Blocks are dealt to at most 64 groups, each with double accumulators; groups are joined in
// order. Both are fixed by the problem, so the bits do not depend on threads. One pass costs about
// 4 * rows * columns * outputs operations. With a DeviceLinearLoss passes are that device's.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "automl/learners/device_linear_loss.h"
#include "automl/learners/fit_data.h"
#include "automl/learners/learner.h"
#include "automl/learners/score_loss.h"
#include "automl/models/feature_view.h"
#include "kernels/gemm.h"

namespace assay::automl {

class LinearLoss {
 public:
  // All arguments must outlive it. `dense` has every row of the request's features. `there` is of
  // the same fit, or null.
  LinearLoss(const FitRequest& request, const FitData& data, DenseView dense, double l2,
             const kernels::ComputeContext& context, DeviceLinearLoss* there = nullptr);

  int32_t columns() const { return dense_.column_count; }
  int32_t outputs() const { return outputs_; }
  Link link() const { return loss_.link(); }
  // Parameters: W [columns, outputs] row-major, then b [outputs].
  size_t size() const {
    return (static_cast<size_t>(columns()) + 1) * static_cast<size_t>(outputs_);
  }

  // f on the training rows, and its gradient.
  // Fails: cancelled, device, resource_exhausted.
  Result<double> value(std::span<const double> x, std::span<double> gradient) const;
  // The mean loss on the validation rows, without the penalty; NaN if there are none.
  Result<double> validate(std::span<const double> x) const;

  // Memory that a pass takes.
  static int64_t pass_bytes(const DataShape& shape, int threads);

 private:
  using Side = DeviceLinearLoss::Side;
  struct Scratch;
  Result<LinearSums> sums_of(Side side, std::span<const double> x, bool with_gradient) const;
  Result<LinearSums> pass(std::span<const uint32_t> rows, std::span<const double> x,
                          bool with_gradient) const;
  Status add_block(std::span<const uint32_t> rows, std::span<const float> weights,
                   std::span<const double> x, Executor& executor, Scratch& scratch,
                   LinearSums& sums) const;
  Status multiply(const kernels::GemmProblem& problem, std::span<const float> a,
                  std::span<const float> b, std::span<float> c, Executor& executor) const;
  void residuals(std::span<const uint32_t> rows, std::span<const double> x, Scratch& scratch,
                 LinearSums& sums) const;

  const FitRequest& request_;
  const FitData& data_;
  DenseView dense_;
  double l2_;
  const kernels::ComputeContext& context_;
  DeviceLinearLoss* there_;
  ScoreLoss loss_;
  int32_t outputs_;
  int64_t block_rows_;
  int64_t most_groups_;
};

}  // namespace assay::automl
