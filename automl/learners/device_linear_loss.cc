#include "automl/learners/device_linear_loss.h"

#include <algorithm>

#include "kernels/exact_math.h"

namespace assay::automl {
namespace {

using kernels::Device;
using kernels::DeviceArray;
using kernels::LinearGradient;
using kernels::LinearProblem;
using kernels::LinearScores;
using kernels::LossGradients;
using kernels::LossProblem;
using kernels::LossValue;

LinearProblem linear_problem(DenseView dense, int64_t sample_count, int32_t outputs) {
  return {dense.row_count, sample_count, dense.column_count, outputs};
}

LossProblem linear_loss_problem(kernels::Loss loss, DenseView dense, int64_t sample_count,
                                int32_t outputs) {
  LossProblem problem;
  problem.loss = loss;
  problem.row_count = dense.row_count;
  problem.sample_count = sample_count;
  problem.output_count = outputs;
  return problem;
}

// Whether the leading device has memory of its own and runs all that a pass takes.
bool runs_passes(const kernels::ComputeContext& context, const LinearProblem& linear,
                 const LossProblem& loss) {
  const Device* const device = context.device;
  return !device->info().shares_host_memory &&
         &context.device_for<LinearScores>(linear) == device &&
         &context.device_for<LinearGradient>(linear) == device &&
         &context.device_for<LossGradients>(loss) == device &&
         &context.device_for<LossValue>(loss) == device;
}

// kPoisson is half the deviance; ScoreLoss leaves out what does not depend on the score.
double excess_of(kernels::Loss loss, double target) {
  if (loss != kernels::Loss::kPoisson || target < kernels::kLeastLogTarget) return 0;
  return target * kernels::exact_log(target) - target;
}

}  // namespace

Result<std::unique_ptr<DeviceLinearLoss>> DeviceLinearLoss::make(
    const FitRequest& request, const FitData& data, DenseView dense,
    const kernels::ComputeContext& context) {
  std::unique_ptr<DeviceLinearLoss> made;
  const ScoreLoss loss(request, data);
  if (!loss.op_loss()) return made;
  const auto train_count = static_cast<int64_t>(request.train_rows.size());
  if (!runs_passes(context, linear_problem(dense, train_count, loss.scores()),
                   linear_loss_problem(*loss.op_loss(), dense, train_count, loss.scores()))) {
    return made;
  }
  made.reset(new DeviceLinearLoss(context, dense, loss));
  const Status placed = made->place(request, data);
  if (placed) return made;
  if (placed.error().code != StatusCode::kResourceExhausted) {
    return tl::unexpected<Error>(placed.error());
  }
  made.reset();
  return made;
}

Status DeviceLinearLoss::place(const FitRequest& request, const FitData& data) {
  Device& device = *context_.device;
  const auto rows = static_cast<size_t>(dense_.row_count);
  const int64_t scores = dense_.row_count * outputs_;
  ASSAY_ASSIGN_OR_RETURN(scores_, DeviceArray<double>::make(device, scores));
  ASSAY_ASSIGN_OR_RETURN(gradients_, DeviceArray<float>::make(device, scores));
  ASSAY_ASSIGN_OR_RETURN(hessians_, DeviceArray<float>::make(device, scores));
  ASSAY_ASSIGN_OR_RETURN(parameters_, DeviceArray<double>::make(
                                          device, (int64_t{dense_.column_count} + 1) * outputs_));
  const auto columns = static_cast<size_t>(dense_.column_count);
  ASSAY_ASSIGN_OR_RETURN(
      features_, DeviceArray<float>::copy_of(device, std::span(dense_.values, rows * columns)));
  if (kernels::takes_classes(loss_)) {
    ASSAY_ASSIGN_OR_RETURN(classes_, DeviceArray<int32_t>::copy_of(device, request.data->classes));
  } else {
    ASSAY_ASSIGN_OR_RETURN(targets_, DeviceArray<double>::copy_of(device, data.targets));
  }
  ASSAY_ASSIGN_OR_RETURN(weights_, DeviceArray<float>::copy_of(device, data.weights));
  ASSAY_RETURN_IF_ERROR(place_rows(data, request.train_rows, train_));
  return place_rows(data, request.valid_rows, valid_);
}

Status DeviceLinearLoss::place_rows(const FitData& data, std::span<const uint32_t> numbers,
                                    Rows& rows) {
  ASSAY_ASSIGN_OR_RETURN(rows.numbers, DeviceArray<uint32_t>::copy_of(*context_.device, numbers));
  for (const uint32_t row : numbers) {
    const double weight = data.weight(row);
    rows.weight += weight;
    if (!kernels::takes_classes(loss_)) rows.excess += weight * excess_of(loss_, data.targets[row]);
  }
  return {};
}

template <class Args>
Args DeviceLinearLoss::loss_args(const Rows& rows) const {
  Args args;
  args.rows = rows.numbers.on_device();
  args.scores = scores_.on_device();
  args.targets = targets_.on_device();
  args.classes = classes_.on_device();
  args.weights = weights_.on_device();
  return args;
}

Result<LinearSums> DeviceLinearLoss::pass(Side side, std::span<const double> x,
                                          bool with_gradient) {
  const Rows& rows = side == Side::kTrain ? train_ : valid_;
  const int64_t count = rows.numbers.size();
  std::copy(x.begin(), x.end(), parameters_.host_for_overwriting().begin());
  ASSAY_RETURN_IF_ERROR(parameters_.to_device());
  ASSAY_RETURN_IF_ERROR(context_.run<LinearScores>(linear_problem(dense_, count, outputs_),
                                                   {features_.on_device(), rows.numbers.on_device(),
                                                    parameters_.on_device(), scores_.on_device()}));
  LinearSums sums;
  if (with_gradient) ASSAY_RETURN_IF_ERROR(add_gradient(rows, sums.gradient));
  double mean = 0;
  auto args = loss_args<kernels::LossValueArgs>(rows);
  args.value = &mean;
  ASSAY_RETURN_IF_ERROR(
      context_.run<LossValue>(linear_loss_problem(loss_, dense_, count, outputs_), args));
  sums.weight = rows.weight;
  sums.loss = mean * rows.weight - rows.excess;
  return sums;
}

Status DeviceLinearLoss::add_gradient(const Rows& rows, std::vector<double>& sums) {
  const int64_t count = rows.numbers.size();
  std::vector<float> greatest(2 * static_cast<size_t>(outputs_));
  auto args = loss_args<kernels::LossGradientsArgs>(rows);
  args.gradients = gradients_.on_device();
  args.hessians = hessians_.on_device();
  args.max_abs_gradients = greatest.data();
  args.max_hessians = greatest.data() + outputs_;
  ASSAY_RETURN_IF_ERROR(
      context_.run<LossGradients>(linear_loss_problem(loss_, dense_, count, outputs_), args));
  sums.resize(static_cast<size_t>(parameters_.size()));
  return context_.run<LinearGradient>(
      linear_problem(dense_, count, outputs_),
      {features_.on_device(), rows.numbers.on_device(), gradients_.on_device(), sums.data()});
}

}  // namespace assay::automl
