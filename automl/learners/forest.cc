// The learners "random_forest" and "extra_trees". The work is in forest_fit.cc.
#include <algorithm>

#include "automl/learners/fit_data.h"
#include "automl/learners/forest_fit.h"
#include "automl/learners/forest_options.h"
#include "automl/learners/learners_internal.h"
#include "automl/learners/tree_cost.h"

namespace assay::automl {
namespace {

template <class Options>
class ForestLearner final : public Learner {
 public:
  explicit ForestLearner(bool random_thresholds) : random_thresholds_(random_thresholds) {}

  std::string_view name() const override { return options().name; }
  const OptionGroup& options() const override { return Options::table().group(); }
  std::string_view step_option() const override { return "trees"; }
  bool supports(Task) const override { return true; }

  Result<int64_t> planned_bytes(const DataShape& shape, const ParamMap& params,
                                int threads) const override {
    ASSAY_ASSIGN_OR_RETURN(const Options options, options_from<Options>(params));
    const int64_t classes = classes_of(shape);
    const int64_t leaves = leaves_of(options, shape);
    // Each tree under way has its sample: rows, weights, gradients, copies of them, leaves.
    const int64_t tree =
        growing_bytes({shape, leaves, classes, options.node_column_fraction >= 1}, 1) +
        16 * shape.row_count + 16 * shape.train_count;
    const int64_t model = options.trees * tree_bytes(leaves, classes);
    const int64_t validation = 24 * classes * shape.valid_count;
    return tree * threads + model + validation + 16 * shape.row_count;
  }

  Result<double> logical_cost(const DataShape& shape, const ParamMap& params) const override {
    ASSAY_ASSIGN_OR_RETURN(const Options options, options_from<Options>(params));
    const double tree = growing_cost({.rows = static_cast<double>(shape.train_count),
                                      .columns = options.node_column_fraction * shape.feature_count,
                                      .leaves = static_cast<double>(leaves_of(options, shape)),
                                      .classes = static_cast<double>(classes_of(shape))});
    return static_cast<double>(options.trees) * tree;
  }

  Result<FitResult> fit(const FitRequest& request,
                        const kernels::ComputeContext& context) const override {
    ASSAY_ASSIGN_OR_RETURN(const Options options, options_from<Options>(request.params));
    ASSAY_ASSIGN_OR_RETURN(const FitData data, prepare_fit(request));
    return ForestFit(request, options, random_thresholds_, data, context).run();
  }

 private:
  static int64_t classes_of(const DataShape& shape) {
    return is_classification(shape.task) ? shape.class_count : 1;
  }
  static int64_t leaves_of(const Options& options, const DataShape& shape) {
    const int32_t classes = is_classification(shape.task) ? shape.class_count : 0;
    const int64_t most = shape.train_count / std::max<int64_t>(1, options.min_child_samples);
    return std::min(options.leaf_limit(classes), std::max<int64_t>(2, most));
  }

  bool random_thresholds_;
};

}  // namespace

const Learner& random_forest_learner() {
  static const ForestLearner<RandomForestOptions> learner(false);
  return learner;
}

const Learner& extra_trees_learner() {
  static const ForestLearner<ExtraTreesOptions> learner(true);
  return learner;
}

}  // namespace assay::automl
