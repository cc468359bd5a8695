// The learners "random_forest" and "extra_trees". The work is in forest_fit.cc.
#include <algorithm>

#include "automl/learners/fit_data.h"
#include "automl/learners/forest_fit.h"
#include "automl/learners/forest_options.h"
#include "automl/learners/leaf_renewal.h"
#include "automl/learners/learners_internal.h"
#include "automl/learners/tree_cost.h"
#include "automl/learners/tree_counts.h"

namespace assay::automl {
namespace {

// With fewer trees than these a model that is to keep to limits has smaller ones.
constexpr int64_t kFewTrees = 10;
constexpr int64_t kSmallestTree = 8;

template <class Options>
class ForestLearner final : public Learner {
 public:
  explicit ForestLearner(bool random_thresholds) : random_thresholds_(random_thresholds) {}

  std::string_view name() const override { return options().name; }
  const OptionGroup& options() const override { return Options::table().group(); }
  std::string_view step_option() const override { return "trees"; }
  bool supports(Task) const override { return true; }
  Status check(const TrainingData&, const ParamMap& params) const override {
    ASSAY_ASSIGN_OR_RETURN(const Options options, options_from<Options>(params));
    return options.check();
  }
  // Class shares have no direction.
  bool keeps_constraints(const TrainingData& data) const override {
    return data.monotone.empty() || data.task == Task::kRegression;
  }

  Result<PlannedBytes> planned_bytes(const DataShape& shape, const ParamMap& params,
                                     int threads) const override {
    ASSAY_ASSIGN_OR_RETURN(const Options options, options_from<Options>(params));
    const int64_t classes = classes_of(shape);
    const int64_t leaves = leaves_of(options, shape);
    const bool side_by_side = grows_side_by_side(shape.train_count, threads);
    // When a tree has grown its leaves are smoothed.
    const int64_t growing =
        std::max(growing_bytes({shape, leaves, classes, options.node_column_fraction >= 1},
                               side_by_side ? 1 : threads),
                 leaves * (8 * classes + 16));
    // Each tree under way has its sample: weights and gradients, rows and counts, leaves.
    const int64_t renewal = shape.aim.quantile() ? kRenewalRowBytes : 0;
    const int64_t tree = growing + 8 * shape.row_count + (12 + renewal) * shape.train_count;
    const int64_t model = options.trees * tree_bytes(leaves, classes);
    // Trees are appended a tenth at a time, and what is appended to moves; almost a tree a thread
    // may be grown ahead of that.
    const int64_t ahead = side_by_side ? std::min<int64_t>(threads - 1, options.trees) : 0;
    const int64_t moving =
        model / 2 + model / ForestFit::kReports + ahead * tree_bytes(leaves, classes);
    const int64_t validation = 28 * classes * shape.valid_count;
    const int64_t targets = 16 * shape.row_count;
    // Sums and predictions of the rows left out, and how often they were; the counts of a draw. A
    // trial that keeps them has the sums over its folds, too.
    const int64_t left_out = options.out_of_bag ? (28 * classes + 12) * shape.train_count +
                                                      (8 * classes + 4) * shape.row_count
                                                : 0;
    return PlannedBytes{
        tree * (side_by_side ? threads : 1) + model + moving + validation + targets + left_out,
        model};
  }

  // Fewer leaves down to 256, then fewer trees down to 25, then fewer leaves still.
  std::vector<ParamMap> smaller(const DataShape& shape, const ParamMap& params) const override {
    const auto options = options_from<Options>(params);
    std::vector<ParamMap> settings;
    if (!options) return settings;
    const int64_t leaves = leaves_of(*options, shape);
    const auto add = [&](const char* name, int64_t value) {
      settings.push_back(params);
      settings.back()[name] = value;
    };
    if (leaves > 256) add("max_leaves", std::max<int64_t>(256, leaves / 2));
    if (options->trees > 25) {
      add("trees", std::max<int64_t>(25, options->trees / 2));
      // Fewer trees must not each grow larger for it.
      if (options->max_leaves == 0) settings.back()["max_leaves"] = leaves;
    }
    if (leaves <= 256 && leaves > 32) add("max_leaves", std::max<int64_t>(32, leaves / 2));
    return settings;
  }

  // Fewer columns a split, where there are many.
  std::vector<ParamMap> cheaper(const DataShape& shape, const ParamMap& params) const override {
    const auto options = options_from<Options>(params);
    const double half = options ? options->node_column_fraction / 2 : 0;
    if (half * shape.feature_count < kFewColumns) return {};
    ParamMap setting = params;
    setting["node_column_fraction"] = half;
    return {setting};
  }

  ModelUnits model_units(const DataShape& shape, const ParamMap& params,
                         int64_t steps) const override {
    const auto options = options_from<Options>(params);
    if (!options) return {};
    const auto trees = static_cast<double>(steps);
    return {trees, trees * static_cast<double>(leaves_of(*options, shape))};
  }
  std::vector<ParamMap> within(const DataShape& shape, const ParamMap& params,
                               const ModelUnits& most) const override {
    const auto options = options_from<Options>(params);
    std::vector<ParamMap> settings;
    if (!options) return settings;
    const TreeCounts now{options->trees, leaves_of(*options, shape)};
    for (const TreeCounts& next : tree_counts_within(now, most, {kFewTrees, kSmallestTree})) {
      settings.push_back(params);
      settings.back()["trees"] = next.trees;
      // Fewer trees must not each grow larger for it.
      const bool unlimited = options->max_leaves == 0 && next.trees < now.trees;
      if (next.leaves != now.leaves || unlimited) settings.back()["max_leaves"] = next.leaves;
    }
    return settings;
  }

  Result<double> logical_cost(const DataShape& shape, const ParamMap& params) const override {
    ASSAY_ASSIGN_OR_RETURN(const Options options, options_from<Options>(params));
    const double tree =
        growing_cost({.rows = static_cast<double>(shape.train_count),
                      .columns = options.node_column_fraction * shape.feature_count,
                      .bins = options.node_column_fraction * static_cast<double>(bins_of(shape)),
                      .leaves = static_cast<double>(leaves_of(options, shape)),
                      .classes = static_cast<double>(classes_of(shape))});
    return static_cast<double>(options.trees) * tree;
  }

  Result<FitResult> fit(const FitRequest& request,
                        const kernels::ComputeContext& context) const override {
    ASSAY_ASSIGN_OR_RETURN(Options options, options_from<Options>(request.params));
    ASSAY_RETURN_IF_ERROR(options.check());
    ASSAY_ASSIGN_OR_RETURN(const FitData data, prepare_fit(request, request.data->aim));
    options.serve(data.aim);
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
