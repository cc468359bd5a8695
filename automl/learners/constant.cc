// The learner "constant": class frequencies, or the mean. What every other model has to beat, and
// what exists when nothing else was done in time.
#include <algorithm>

#include "automl/config/option_table.h"
#include "automl/learners/fit_data.h"
#include "automl/learners/learners_internal.h"
#include "automl/models/constant_model.h"

namespace assay::automl {
namespace {

struct ConstantOptions {
  static const OptionTable<ConstantOptions>& table();
};

const OptionTable<ConstantOptions>& ConstantOptions::table() {
  static const OptionTable<ConstantOptions> table(
      "constant", "Predicts class frequencies, or the mean, for every row.", {});
  return table;
}

class ConstantLearner final : public Learner {
 public:
  std::string_view name() const override { return "constant"; }
  const OptionGroup& options() const override { return ConstantOptions::table().group(); }
  bool keeps_constraints(const TrainingData&) const override { return true; }
  bool supports(Task) const override { return true; }
  std::optional<ParamMap> readable_params() const override { return ParamMap(); }

  Result<PlannedBytes> planned_bytes(const DataShape& shape, const ParamMap& params,
                                     int) const override {
    ASSAY_RETURN_IF_ERROR(options_from<ConstantOptions>(params));
    const int64_t model = 4096 + int64_t{32} * shape.class_count;
    return PlannedBytes{model + 16 * shape.row_count, model};
  }

  Result<double> logical_cost(const DataShape& shape, const ParamMap& params) const override {
    ASSAY_RETURN_IF_ERROR(options_from<ConstantOptions>(params));
    return 1e4 + 5.0 * static_cast<double>(shape.train_count + shape.valid_count);
  }

  Result<FitResult> fit(const FitRequest& request, const kernels::ComputeContext&) const override {
    ASSAY_RETURN_IF_ERROR(options_from<ConstantOptions>(request.params));
    ASSAY_ASSIGN_OR_RETURN(const FitData data, prepare_fit(request, request.data->aim));
    const double constant = best_constant(request, data);
    std::vector<double> outputs = {data.target.value(constant)};
    if (is_classification(request.data->task)) {
      outputs = data.class_weights;
      for (double& share : outputs) share /= data.weight_sum;
    }
    FitResult result;
    if (!request.valid_rows.empty()) {
      const bool classes = is_classification(request.data->task);
      const std::vector<double> row = classes ? outputs : std::vector<double>{constant};
      std::vector<double> predictions;
      for (size_t i = 0; i < request.valid_rows.size(); ++i) {
        predictions.insert(predictions.end(), row.begin(), row.end());
      }
      result.valid_loss = mean_loss(request, data, request.valid_rows, predictions,
                                    static_cast<int32_t>(row.size()));
    }
    ASSAY_ASSIGN_OR_RETURN(
        result.model,
        ConstantModel::make(std::move(outputs), request.data->features->feature_count()));
    result.iterations = 1;
    result.best_iteration = 1;
    if (request.observer != nullptr) {
      result.stopped = !request.observer->report({1, 1, result.valid_loss});
    }
    return result;
  }
};

}  // namespace

const Learner& constant_learner() {
  static const ConstantLearner learner;
  return learner;
}

}  // namespace assay::automl
