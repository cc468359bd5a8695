#include "automl/learners/gbt_options.h"

#include <algorithm>
#include <cmath>

namespace assay::automl {
namespace {

using T = GbtOptions;
constexpr OptionRange kShare = {.low = 0, .high = 1, .low_open = true};
constexpr OptionRange kPositive = {.low = 0};

std::vector<Option<T>> objective_options() {
  return {
      {.name = "objective",
       .member = &T::objective,
       .choices = {"auto", "squared", "absolute", "huber", "quantile", "poisson", "tweedie",
                   "cross_entropy", "lambdarank", "logistic", "softmax"},
       .help = "The loss to minimise. auto: logistic for two classes, softmax for more, and for "
               "numbers the one that data.metric asks for (see Objectives and metrics). absolute "
               "and quantile aim at the median or the quantile alpha; poisson and tweedie want "
               "targets >= 0 and predict positive numbers; cross_entropy wants chances in [0, 1] "
               "as targets; lambdarank wants relevances >= 0 and orders the rows of each "
               "data.group by them."},
      {.name = "alpha",
       .member = &T::alpha,
       .range = {.low = 0, .high = 1, .low_open = true, .high_open = true},
       .help = "The quantile that objective quantile predicts."},
      {.name = "huber_delta",
       .member = &T::huber_delta,
       .range = kPositive,
       .help = "Errors above this count by their size instead of their square (objective huber), "
               "in units of the target. 0: half the distance of its quartiles. A round moves no "
               "prediction by more than learning_rate of it: with one far below the errors nothing "
               "is learned."},
      {.name = "tweedie_variance_power",
       .member = &T::tweedie_variance_power,
       .range = {.low = 1, .high = 2, .low_open = true, .high_open = true},
       .help = "Power of the mean that the variance grows with (objective tweedie): near 1 as "
               "poisson, near 2 as gamma."},
  };
}

std::vector<Option<T>> boosting_options() {
  return {
      {.name = "rounds",
       .member = &T::rounds,
       .range = {.low = 1, .high = 100000},
       .help = "Most boosting rounds; early stopping keeps the best number of them."},
      {.name = "learning_rate",
       .member = &T::learning_rate,
       .range = kShare,
       .search = SearchRange{.low = 0.02, .high = 0.3, .log = true},
       .help = "Share of each tree's step that is taken."},
      {.name = "early_stopping",
       .member = &T::early_stopping,
       .help = "Stop when the loss on the validation rows has not improved for a while."},
      {.name = "patience",
       .member = &T::patience,
       .range = {.low = 0, .high = 100000},
       .help = "Rounds without improvement before stopping. 0: 20 plus 0.3 of the best round, "
               "at least 100 where there are at most 10000 rows, fewer where there are more."},
      {.name = "row_fraction",
       .member = &T::row_fraction,
       .range = kShare,
       .search = SearchRange{.low = 0.5, .high = 1},
       .help =
           "Share of the rows that each round's trees see; not with sampling=goss, which has its "
           "own."},
      {.name = "sampling",
       .member = &T::sampling,
       .choices = {"uniform", "goss"},
       .help = "How rows are sampled. uniform: row_fraction of them. goss: those with the largest "
               "gradients and a few of the others, which count for all of these; the first "
               "1 / learning_rate rounds see all rows."},
      {.name = "goss_top_fraction",
       .member = &T::goss_top_fraction,
       .range = kShare,
       .help = "Share of the rows, those with the largest gradients, that sampling=goss keeps."},
      {.name = "goss_other_fraction",
       .member = &T::goss_other_fraction,
       .range = kShare,
       .help = "Share of the rows that sampling=goss draws from the others."},
      {.name = "column_fraction",
       .member = &T::column_fraction,
       .range = kShare,
       .search = SearchRange{.low = 0.4, .high = 1},
       .help = "Share of the features that each tree sees."},
      {.name = "node_column_fraction",
       .member = &T::node_column_fraction,
       .range = kShare,
       .help = "Share of the features that each split may choose from."},
  };
}

std::vector<Option<T>> tree_options() {
  return {
      {.name = "max_leaves",
       .member = &T::max_leaves,
       .range = {.low = 2, .high = 65536},
       .search = SearchRange{.low = 4, .high = 256, .log = true},
       .help = "Most leaves of a tree."},
      {.name = "max_depth",
       .member = &T::max_depth,
       .range = {.low = 0, .high = 1024},
       .help = "Most splits between root and leaf; 0 does not limit."},
      {.name = "growth",
       .member = &T::growth,
       .choices = {"leaf_wise", "depth_wise", "symmetric"},
       .help = "Which leaf is split next: the one that gains most, or the oldest. symmetric: all "
               "leaves of a level are split alike, as long as max_leaves allows the whole level."},
      {.name = "min_child_samples",
       .member = &T::min_child_samples,
       .range = {.low = 1, .high = 1e9},
       .search = SearchRange{.low = 2, .high = 128, .log = true},
       .help = "Fewest rows of a leaf."},
      {.name = "min_child_weight",
       .member = &T::min_child_weight,
       .range = kPositive,
       .help = "Least sum of hessians of a leaf."},
      {.name = "min_gain",
       .member = &T::min_gain,
       .range = kPositive,
       .help = "A split must lower the loss by more than this."},
      {.name = "l1",
       .member = &T::l1,
       .range = kPositive,
       .help = "Absolute penalty on leaf values."},
      {.name = "l2",
       .member = &T::l2,
       .range = kPositive,
       .search = SearchRange{.low = 0.01, .high = 30, .log = true},
       .help = "Squared penalty on leaf values."},
      {.name = "random_thresholds",
       .member = &T::random_thresholds,
       .help = "Try one random threshold a feature instead of all, as extra trees do."},
      {.name = "categorical",
       .member = &T::categorical,
       .choices = {"subsets", "ordered"},
       .help = "How categories of more than onehot_levels levels are split. subsets: levels "
               "sorted by gradient are cut in two. ordered: a level counts as the mean target of "
               "the rows of that level that come before in a random order."},
      {.name = "onehot_levels",
       .member = &T::onehot_levels,
       .range = {.low = 0, .high = 255},
       .help = "A category with at most this many levels is split one level against the rest."},
      {.name = "max_category_levels",
       .member = &T::max_category_levels,
       .range = {.low = 1, .high = 255},
       .help = "Most levels on the smaller side of a category's split."},
      {.name = "category_smooth",
       .member = &T::category_smooth,
       .range = kPositive,
       .search = SearchRange{.low = 1, .high = 100, .log = true},
       .help = "Draws levels of few rows together when they are sorted, and their mean targets "
               "towards that of all rows."},
      {.name = "category_l2",
       .member = &T::category_l2,
       .range = kPositive,
       .search = SearchRange{.low = 0.1, .high = 30, .log = true},
       .help = "Squared penalty on leaf values, in addition, for splits of many levels."},
      {.name = "gradient_bits",
       .member = &T::gradient_bits,
       .range = {.low = 2, .high = 15},
       .help = "Bits of a quantised gradient."},
  };
}

}  // namespace

const OptionTable<GbtOptions>& GbtOptions::table() {
  static const OptionTable<T> table("gbt", "Gradient boosted trees on histograms.", [] {
    std::vector<Option<T>> options = objective_options();
    for (Option<T>& option : boosting_options()) options.push_back(std::move(option));
    for (Option<T>& option : tree_options()) options.push_back(std::move(option));
    return options;
  }());
  return table;
}

Status GbtOptions::check() const {
  if (sampling != "goss" || goss_top_fraction + goss_other_fraction <= 1) return {};
  return fail(StatusCode::kConfig,
              "goss_top_fraction={} and goss_other_fraction={} (together they must be at most 1)",
              goss_top_fraction, goss_other_fraction);
}

Status GbtOptions::check_settled() const {
  ASSAY_RETURN_IF_ERROR(check());
  if (sampling != "goss" || row_fraction == 1) return {};
  return fail(StatusCode::kConfig,
              "row_fraction={} does not go with sampling=goss, whose shares of the rows are "
              "goss_top_fraction and goss_other_fraction (sampling=uniform takes row_fraction)",
              row_fraction);
}

double GbtOptions::row_share() const {
  return sampling == "goss" ? std::min(1.0, goss_top_fraction + goss_other_fraction) : row_fraction;
}

int64_t GbtOptions::warm_rounds() const {
  return static_cast<int64_t>(std::min(1 / learning_rate, 1e6));
}

int32_t share_of(double share, int32_t count) {
  const auto part = static_cast<int32_t>(std::lround(share * count));
  return std::clamp(part, std::min(1, count), count);
}

kernels::TreeParams GbtOptions::tree_params(int32_t feature_count) const {
  kernels::TreeParams tree;
  if (growth == "depth_wise") tree.growth = kernels::GrowthPolicy::kDepthWise;
  if (growth == "symmetric") tree.growth = kernels::GrowthPolicy::kSymmetric;
  tree.max_leaves = static_cast<int32_t>(max_leaves);
  tree.max_depth = max_depth == 0 ? 1024 : static_cast<int32_t>(max_depth);
  tree.min_child_samples = min_child_samples;
  tree.min_child_weight = min_child_weight;
  tree.min_gain = min_gain;
  tree.l1 = l1;
  tree.l2 = l2;
  if (node_column_fraction < 1) {
    tree.columns_per_node = share_of(node_column_fraction, feature_count);
  }
  tree.random_thresholds = random_thresholds;
  tree.onehot_levels = static_cast<int32_t>(onehot_levels);
  tree.max_category_levels = static_cast<int32_t>(max_category_levels);
  tree.category_smooth = category_smooth;
  tree.category_l2 = category_l2;
  tree.gradient_bits = static_cast<int32_t>(gradient_bits);
  tree.leaf_scale = learning_rate;
  return tree;
}

}  // namespace assay::automl
