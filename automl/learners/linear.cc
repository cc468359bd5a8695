// The learner "linear": ridge, quantile and Poisson regression, logistic and softmax regression, by
// L-BFGS.
#include <algorithm>
#include <cmath>
#include <utility>

#include "automl/learners/fit_data.h"
#include "automl/learners/lbfgs.h"
#include "automl/learners/learners_internal.h"
#include "automl/learners/linear_loss.h"
#include "automl/learners/linear_options.h"
#include "automl/learners/weighted_quantile.h"
#include "automl/models/linear_model.h"

namespace assay::automl {

const OptionTable<LinearOptions>& LinearOptions::table() {
  using T = LinearOptions;
  static const OptionTable<T> table(
      "linear", "Linear or logistic regression on scaled numbers and one-hot categories.",
      {{.name = "l2",
        .member = &T::l2,
        .range = {.low = 0},
        .search = SearchRange{.low = 1e-3, .high = 1e3, .log = true},
        .help = "Squared penalty on the coefficients, against the sum of the rows' losses."},
       {.name = "max_iterations",
        .member = &T::max_iterations,
        .range = {.low = 1, .high = 100000},
        .help = "Most steps of the optimiser."},
       {.name = "tolerance",
        .member = &T::tolerance,
        .range = {.low = 0, .high = 1},
        .help = "Done when no derivative of the mean loss is greater than this."}});
  return table;
}

namespace {

Result<std::unique_ptr<Model>> model_of(const FitRequest& request, const FitData& data,
                                        const LinearLoss& loss, std::span<const double> x) {
  LinearModel::Parts parts;
  const auto penalised = x.size() - static_cast<size_t>(loss.outputs());
  parts.coefficients.assign(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(penalised));
  parts.intercepts.assign(x.begin() + static_cast<std::ptrdiff_t>(penalised), x.end());
  const std::span<const int32_t> features = request.data->features->dense_features();
  parts.features.assign(features.begin(), features.end());
  parts.link = loss.link();
  parts.target = data.target;
  parts.feature_count = request.data->features->feature_count();
  return LinearModel::make(std::move(parts));
}

// The rounded corner of the loss shifts the quantile: the intercept sets it right for the training
// rows. If there is no time for a pass the model stays as it is.
Status settle_quantile(const FitRequest& request, const FitData& data, const LinearLoss& loss,
                       const kernels::ComputeContext& context, std::vector<double>& x) {
  ASSAY_ASSIGN_OR_RETURN(const auto model, model_of(request, data, loss, x));
  std::vector<float> predicted(request.train_rows.size());
  const Status done =
      model->predict(*request.data->features, request.train_rows, context, predicted, data.target);
  if (!done) return done.error().code == StatusCode::kCancelled ? Status() : done;
  std::vector<WeightedValue> residuals;
  for (size_t i = 0; i < predicted.size(); ++i) {
    const uint32_t row = request.train_rows[i];
    residuals.push_back({data.targets[row] - double{predicted[i]}, data.weight(row)});
  }
  x.back() += weighted_quantile(residuals, data.aim.level);
  return {};
}

Result<FitResult> fit_linear(const FitRequest& request, const LinearOptions& options,
                             const kernels::ComputeContext& context) {
  ASSAY_ASSIGN_OR_RETURN(FitData data, prepare_fit(request, request.data->aim));
  // Without any count above 0 there is no logarithm to fit.
  if (data.aim.kind == AimKind::kCount && !scale_by_mean(request, data)) data.aim = Aim{};
  ASSAY_ASSIGN_OR_RETURN(const DenseView dense, request.data->features->dense(context));
  ASSAY_ASSIGN_OR_RETURN(const auto there, DeviceLinearLoss::make(request, data, dense, context));
  const LinearLoss loss(request, data, dense, options.l2, context, there.get());
  std::vector<double> start(loss.size(), 0.0);
  if (data.aim.quantile()) start.back() = best_constant(request, data);
  Lbfgs optimiser(std::move(start));
  FitResult result;
  while (result.iterations < options.max_iterations) {
    const auto outcome = optimiser.step([&](std::span<const double> x, std::span<double> gradient) {
      return loss.value(x, gradient);
    });
    const bool cancelled = !outcome && outcome.error().code == StatusCode::kCancelled;
    if (cancelled && result.iterations > 0) {
      result.truncated = true;
      break;
    }
    if (!outcome) return tl::unexpected<Error>(outcome.error());
    ++result.iterations;
    if (*outcome == Lbfgs::Outcome::kDone) break;
    if (request.observer != nullptr) {
      const auto valid = loss.validate(optimiser.x());
      if (!valid && valid.error().code == StatusCode::kCancelled) {
        result.truncated = true;
        break;
      }
      if (!valid) return tl::unexpected<Error>(valid.error());
      result.valid_loss = *valid;
      if (!request.observer->report(
              {result.iterations, options.max_iterations, *valid, has_common_loss(data)})) {
        result.stopped = true;
        break;
      }
    }
    if (optimiser.gradient_norm() <= options.tolerance) break;
  }
  result.best_iteration = result.iterations;
  std::vector<double> x(optimiser.x().begin(), optimiser.x().end());
  if (data.aim.quantile()) {
    ASSAY_RETURN_IF_ERROR(settle_quantile(request, data, loss, context, x));
  }
  ASSAY_ASSIGN_OR_RETURN(result.model, model_of(request, data, loss, x));
  return result;
}

class LinearLearner final : public Learner {
 public:
  std::string_view name() const override { return "linear"; }
  const OptionGroup& options() const override { return LinearOptions::table().group(); }
  std::string_view step_option() const override { return "max_iterations"; }
  bool draws() const override { return false; }
  bool supports(Task) const override { return true; }
  std::optional<ParamMap> readable_params() const override { return ParamMap(); }

  bool uses_dense() const override { return true; }
  Result<PlannedBytes> planned_bytes(const DataShape& shape, const ParamMap& params,
                                     int threads) const override {
    ASSAY_RETURN_IF_ERROR(options_from<LinearOptions>(params));
    const int64_t outputs = shape.task == Task::kMulticlass ? shape.class_count : 1;
    const int64_t parameters = (int64_t{shape.dense_column_count} + 1) * outputs;
    // Ten pairs of the optimiser's history and half as many vectors in flight.
    return PlannedBytes{
        16 * shape.row_count + LinearLoss::pass_bytes(shape, threads) + 30 * 8 * parameters,
        8 * parameters};
  }

  Result<double> logical_cost(const DataShape& shape, const ParamMap& params) const override {
    ASSAY_ASSIGN_OR_RETURN(const LinearOptions options, options_from<LinearOptions>(params));
    const double outputs = shape.task == Task::kMulticlass ? shape.class_count : 1;
    const double row = 0.5 * shape.dense_column_count * (1 + outputs) + 15 * outputs + 10;
    const auto rows = static_cast<double>(shape.train_count);
    return 1e5 + static_cast<double>(options.max_iterations) * rows * row;
  }

  Result<FitResult> fit(const FitRequest& request,
                        const kernels::ComputeContext& context) const override {
    ASSAY_ASSIGN_OR_RETURN(const LinearOptions options,
                           options_from<LinearOptions>(request.params));
    return fit_linear(request, options, context);
  }
};

}  // namespace

const Learner& linear_learner() {
  static const LinearLearner learner;
  return learner;
}

}  // namespace assay::automl
