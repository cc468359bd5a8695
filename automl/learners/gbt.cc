// The learner "gbt". Options are in gbt_options.cc, the work in boosting_group.cc.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "automl/learners/boosting_group.h"
#include "automl/learners/gbt_options.h"
#include "automl/learners/goss.h"
#include "automl/learners/leaf_renewal.h"
#include "automl/learners/learners_internal.h"
#include "automl/learners/objective.h"
#include "automl/learners/ordered_targets.h"
#include "automl/learners/tree_cost.h"
#include "automl/learners/tree_counts.h"
#include "automl/learners/warm_start.h"

namespace assay::automl {
namespace {

// Of the rounds allowed.
constexpr double kUsualRounds = 0.2;
// Rows x outputs of a fit that leaves threads idle, which others can use: on two threads five folds
// take a fifth less time together at 40,000 rows, and none less at 100,000
// (docs/tree-performance.md).
constexpr int64_t kMostTogether = 50'000;
// Of a ranking, a row: its number, up to three times, and where its query ends; then what a GPU
// ranks it by.
constexpr int64_t kQueryRowBytes = 20 + 24;
// The greatest learning rate that is chosen to save rounds.
constexpr double kGreatestStep = 0.4;
// What steps make together at least, of the way to the targets, where a model may have few rounds.
constexpr double kWholeWay = 3;
// With fewer rounds than these trees are made smaller, down to so many leaves.
constexpr int64_t kFewRounds = 20;
constexpr int64_t kFewLeaves = 4;

int64_t output_count_of(const DataShape& shape) {
  return shape.task == Task::kMulticlass ? shape.class_count : 1;
}

class GbtLearner final : public Learner {
 public:
  std::string_view name() const override { return "gbt"; }
  const OptionGroup& options() const override { return GbtOptions::table().group(); }
  std::string_view step_option() const override { return "rounds"; }
  bool supports(Task) const override { return true; }
  // Trees of one split: a sum of curves of one feature each.
  std::optional<ParamMap> readable_params() const override {
    return ParamMap{{"max_leaves", int64_t{2}}};
  }
  bool goes_on() const override { return true; }
  Status check_start(const Model& start, Task task, const Aim& aim,
                     const ParamMap& settled) const override {
    return automl::check_start(start, task, aim, settled);
  }
  // The softmax of several monotone scores is not monotone.
  bool keeps_constraints(const TrainingData& data) const override {
    return data.monotone.empty() || data.task != Task::kMulticlass;
  }
  Status check(const TrainingData& data, const ParamMap& params) const override {
    ASSAY_ASSIGN_OR_RETURN(const GbtOptions options, options_from<GbtOptions>(params));
    ASSAY_RETURN_IF_ERROR(options.check_settled());
    ASSAY_ASSIGN_OR_RETURN(const kernels::Loss loss, loss_for(data.task, data.aim, options));
    ASSAY_RETURN_IF_ERROR(check_sampling(options, loss));
    ASSAY_RETURN_IF_ERROR(check_queries(data, loss));
    std::vector<uint32_t> rows(data.targets.size());
    std::iota(rows.begin(), rows.end(), 0u);
    return check_targets(data, rows, loss);
  }
  std::optional<OwnAim> own_aim(const ParamMap& settled) const override {
    return own_aim_of(settled);
  }

  Result<PlannedBytes> planned_bytes(const DataShape& shape, const ParamMap& params,
                                     int threads) const override {
    ASSAY_ASSIGN_OR_RETURN(const GbtOptions options, options_from<GbtOptions>(params));
    const int64_t outputs = output_count_of(shape);
    const int64_t leaves = std::min(options.max_leaves, std::max<int64_t>(2, shape.train_count));
    // Scores, gradients and hessians; targets or classes, and weights, each twice.
    const int64_t rows = shape.row_count * (16 * outputs + (outputs > 1 ? 4 : 16) + 8);
    // Numbers of the sample's rows, on two sides, and their leaves in every output's tree; rows by
    // leaf where leaves are renewed.
    const auto loss = loss_for(shape.task, shape.aim, options);
    const int64_t goss = options.sampling == "goss" ? kGossRowBytes * shape.train_count : 0;
    const bool renews = loss && leaf_rule_of(*loss) != LeafRule::kNewton;
    const int64_t sample = (8 + 4 * outputs + (renews ? kRenewalRowBytes : 0)) * shape.train_count;
    // Rows beside the sample have their own numbers, likewise, and scores; those to validate on
    // also the best scores and predictions.
    const auto others =
        static_cast<int64_t>((1 - options.row_share()) * static_cast<double>(shape.train_count)) +
        shape.valid_count;
    const int64_t validation = others * (8 + 8 * outputs) + shape.valid_count * (12 * outputs + 4);
    const int64_t model = options.rounds * outputs * tree_bytes(leaves, 1) + shape.init_bytes;
    const GrowthShape growth{shape,
                             leaves,
                             1,
                             options.node_column_fraction >= 1,
                             options.column_fraction,
                             shape.fits * outputs};
    // The sample's histogram, and two gains a candidate.
    const int64_t level = options.growth == "symmetric"
                              ? 24 * bins_of(shape) + 192 * int64_t{shape.feature_count}
                              : 0;
    const int64_t statistics =
        options.categorical == "ordered" ? OrderedTargets::planned_bytes(shape, threads) : 0;
    const bool ranks = loss && *loss == kernels::Loss::kLambdaRank;
    const int64_t queries = ranks ? kQueryRowBytes * shape.row_count : 0;
    const int64_t each = rows + goss + sample + validation + level + statistics + queries + model;
    return PlannedBytes{shape.fits * each + growing_bytes(growth, threads), model};
  }

  // Fewer leaves, then fewer rounds, then fewer columns a tree.
  std::vector<ParamMap> smaller(const DataShape&, const ParamMap& params) const override {
    const auto options = options_from<GbtOptions>(params);
    std::vector<ParamMap> settings;
    if (!options) return settings;
    const auto add = [&](const char* name, ParamValue value) {
      settings.push_back(params);
      settings.back()[name] = std::move(value);
    };
    if (options->max_leaves > 8) add("max_leaves", std::max<int64_t>(8, options->max_leaves / 2));
    if (options->rounds > 100) add("rounds", std::max<int64_t>(100, options->rounds / 2));
    if (options->column_fraction > 0.1) {
      add("column_fraction", std::max(0.1, options->column_fraction / 2));
    }
    return settings;
  }

  // Fewer columns a tree, where there are many. A fit that is long for its rows is not helped: what
  // it has when it is cut short is as good as what a smaller one has at its end.
  std::vector<ParamMap> cheaper(const DataShape& shape, const ParamMap& params) const override {
    const auto options = options_from<GbtOptions>(params);
    const double half = options ? options->column_fraction / 2 : 0;
    if (half * shape.feature_count < kFewColumns) return {};
    ParamMap setting = params;
    setting["column_fraction"] = half;
    return {setting};
  }
  // Half the rounds with twice the step, as far as steps are still sensible.
  std::vector<ParamMap> hastier(const ParamMap& params) const override {
    const auto options = options_from<GbtOptions>(params);
    if (!options || options->learning_rate >= kGreatestStep || options->rounds < 2) return {};
    ParamMap setting = params;
    setting["learning_rate"] = std::min(2 * options->learning_rate, kGreatestStep);
    setting["rounds"] = (options->rounds + 1) / 2;
    return {setting};
  }
  double usual_share() const override { return kUsualRounds; }

  ModelUnits model_units(const DataShape&, const ParamMap& params, int64_t steps) const override {
    const auto options = options_from<GbtOptions>(params);
    const auto rounds = static_cast<double>(steps);
    return options ? ModelUnits{rounds, rounds * static_cast<double>(options->max_leaves)}
                   : ModelUnits{};
  }
  // Fewer rounds make larger steps, where those are free.
  std::vector<ParamMap> within(const DataShape&, const ParamMap& params,
                               const ModelUnits& most) const override {
    const auto options = options_from<GbtOptions>(params);
    std::vector<ParamMap> settings;
    if (!options) return settings;
    const TreeCounts now{options->rounds, options->max_leaves};
    for (const TreeCounts& next : tree_counts_within(now, most, {kFewRounds, kFewLeaves})) {
      ParamMap setting = params;
      setting["rounds"] = next.trees;
      setting["max_leaves"] = next.leaves;
      const double step = std::min(kGreatestStep, kWholeWay / static_cast<double>(next.trees));
      if (next.trees < now.trees && step > options->learning_rate) {
        ParamMap larger = setting;
        larger["learning_rate"] = step;
        settings.push_back(std::move(larger));
      }
      settings.push_back(std::move(setting));
    }
    return settings;
  }

  Result<double> logical_cost(const DataShape& shape, const ParamMap& params) const override {
    ASSAY_ASSIGN_OR_RETURN(const GbtOptions options, options_from<GbtOptions>(params));
    const auto outputs = static_cast<double>(output_count_of(shape));
    const double columns = options.column_fraction * options.node_column_fraction;
    const double tree =
        growing_cost({.rows = options.row_share() * static_cast<double>(shape.train_count),
                      .columns = columns * shape.feature_count,
                      .bins = columns * static_cast<double>(bins_of(shape)),
                      .leaves = static_cast<double>(options.max_leaves),
                      .classes = 1});
    const double update = 12.0 * static_cast<double>(shape.train_count + shape.valid_count);
    return static_cast<double>(options.rounds) * outputs * (tree + update);
  }

  Result<FitResult> fit(const FitRequest& request,
                        const kernels::ComputeContext& context) const override {
    return std::move(boost_together({&request, 1}, context).front());
  }
  bool gains_together(const DataShape& shape, int threads) const override {
    return threads > 1 && shape.train_count * output_count_of(shape) <= kMostTogether;
  }
  std::vector<Result<FitResult>> fit_together(
      std::span<const FitRequest> requests, const kernels::ComputeContext& context) const override {
    return boost_together(requests, context);
  }
};

}  // namespace

const Learner& gbt_learner() {
  static const GbtLearner learner;
  return learner;
}

}  // namespace assay::automl
