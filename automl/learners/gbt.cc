// The learner "gbt". Options are in gbt_options.cc, the work in boosting.cc.
#include <algorithm>
#include <cmath>

#include "automl/learners/boosting.h"
#include "automl/learners/fit_data.h"
#include "automl/learners/gbt_options.h"
#include "automl/learners/learners_internal.h"
#include "automl/learners/tree_cost.h"

namespace assay::automl {
namespace {

int64_t output_count_of(const DataShape& shape) {
  return shape.task == Task::kMulticlass ? shape.class_count : 1;
}

class GbtLearner final : public Learner {
 public:
  std::string_view name() const override { return "gbt"; }
  const OptionGroup& options() const override { return GbtOptions::table().group(); }
  std::string_view step_option() const override { return "rounds"; }
  bool supports(Task) const override { return true; }

  Result<int64_t> planned_bytes(const DataShape& shape, const ParamMap& params,
                                int threads) const override {
    ASSAY_ASSIGN_OR_RETURN(const GbtOptions options, options_from<GbtOptions>(params));
    const int64_t outputs = output_count_of(shape);
    const int64_t leaves = std::min(options.max_leaves, std::max<int64_t>(2, shape.train_count));
    // Scores twice (rows beside the sample have their own), gradients, hessians; targets, classes
    // and weights; rows.
    const int64_t rows =
        shape.row_count * (24 * outputs + 16) + 12 * (shape.train_count + shape.valid_count);
    const int64_t model = options.rounds * outputs * tree_bytes(leaves, 1);
    return rows + model +
           growing_bytes({shape, leaves, 1, options.node_column_fraction >= 1}, threads);
  }

  Result<double> logical_cost(const DataShape& shape, const ParamMap& params) const override {
    ASSAY_ASSIGN_OR_RETURN(const GbtOptions options, options_from<GbtOptions>(params));
    const auto outputs = static_cast<double>(output_count_of(shape));
    const double columns = options.column_fraction * options.node_column_fraction;
    const double tree =
        growing_cost({.rows = options.row_fraction * static_cast<double>(shape.train_count),
                      .columns = columns * shape.feature_count,
                      .leaves = static_cast<double>(options.max_leaves),
                      .classes = 1});
    const double update = 12.0 * static_cast<double>(shape.train_count + shape.valid_count);
    return static_cast<double>(options.rounds) * outputs * (tree + update);
  }

  Result<FitResult> fit(const FitRequest& request,
                        const kernels::ComputeContext& context) const override {
    ASSAY_ASSIGN_OR_RETURN(const GbtOptions options, options_from<GbtOptions>(request.params));
    ASSAY_ASSIGN_OR_RETURN(const FitData data, prepare_fit(request));
    return Booster(request, options, data, context).run();
  }
};

}  // namespace

const Learner& gbt_learner() {
  static const GbtLearner learner;
  return learner;
}

}  // namespace assay::automl
