// DeviceLinearLoss: the sums of LinearLoss on a device with memory of its own: the dense matrix,
// targets or classes, weights and the named rows are sent once, a pass sends the parameters, runs
// the ops linear_scores, loss_gradients, linear_gradient and loss_value there, and gets the sums.
// Nothing else moves. Owns what it placed; not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "automl/learners/fit_data.h"
#include "automl/learners/learner.h"
#include "automl/learners/score_loss.h"
#include "automl/models/feature_view.h"
#include "kernels/device_array.h"

namespace assay::automl {

// Of rows: their losses and weights, and the gradient of the losses' sum by the parameters of a
// linear model (LinearLoss).
struct LinearSums {
  double loss = 0;
  double weight = 0;
  std::vector<double> gradient;  // empty if it is not wanted
};

class DeviceLinearLoss {
 public:
  enum class Side { kTrain, kValid };

  // Null if the host has the work: the context's device shares its memory, does not run all four
  // ops, or has no room; or the loss is not one of theirs. All arguments must outlive it.
  // Fails: device.
  static Result<std::unique_ptr<DeviceLinearLoss>> make(const FitRequest& request,
                                                        const FitData& data, DenseView dense,
                                                        const kernels::ComputeContext& context);

  // Over the rows of a side of the request, at x [columns + 1, outputs]: losses are those of
  // ScoreLoss, up to rounding and to the bounds of kernels/loss.h. Fails: cancelled, device,
  // resource_exhausted.
  Result<LinearSums> pass(Side side, std::span<const double> x, bool with_gradient);

 private:
  struct Rows {
    kernels::DeviceArray<uint32_t> numbers;
    double weight = 0;  // of all of them
    // What sums of the op's loss are above those of ScoreLoss, whatever the scores.
    double excess = 0;
  };
  DeviceLinearLoss(const kernels::ComputeContext& context, DenseView dense, const ScoreLoss& loss)
      : context_(context), dense_(dense), loss_(*loss.op_loss()), outputs_(loss.scores()) {}

  Status place(const FitRequest& request, const FitData& data);
  Status place_rows(const FitData& data, std::span<const uint32_t> numbers, Rows& rows);
  Status add_gradient(const Rows& rows, std::vector<double>& sums);
  template <class Args>
  Args loss_args(const Rows& rows) const;

  const kernels::ComputeContext& context_;
  DenseView dense_;
  kernels::Loss loss_;
  int32_t outputs_;
  Rows train_;
  Rows valid_;
  kernels::DeviceArray<float> features_;
  kernels::DeviceArray<double> targets_;
  kernels::DeviceArray<int32_t> classes_;
  kernels::DeviceArray<float> weights_;
  kernels::DeviceArray<double> parameters_;
  kernels::DeviceArray<double> scores_;    // [rows, outputs]
  kernels::DeviceArray<float> gradients_;  // [outputs, rows]
  kernels::DeviceArray<float> hessians_;   // likewise; not read
};

}  // namespace assay::automl
