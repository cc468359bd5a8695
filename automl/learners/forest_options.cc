#include "automl/learners/forest_options.h"

#include <algorithm>
#include <utility>

#include "automl/learners/gbt_options.h"
#include "automl/learners/tree_cost.h"

namespace assay::automl {
namespace {

// Rows of a leaf on the short side of the quantile that it tells.
constexpr double kRowsBeyond = 2;

template <class T>
std::vector<Option<T>> forest_options() {
  return {
      {.name = "trees",
       .member = &T::trees,
       .range = {.low = 1, .high = 100000},
       .help = "Number of trees."},
      {.name = "node_column_fraction",
       .member = &T::node_column_fraction,
       .range = {.low = 0, .high = 1, .low_open = true},
       .search = SearchRange{.low = 0.1, .high = 1, .log = true},
       .help = "Share of the features that each split may choose from."},
      {.name = "max_leaves",
       .member = &T::max_leaves,
       .range = {.low = 0, .high = 1 << 22},
       .help = "Most leaves of a tree. 0: as many as keep the forest within 96 MiB."},
      {.name = "max_depth",
       .member = &T::max_depth,
       .range = {.low = 0, .high = 1024},
       .help = "Most splits between root and leaf; 0 does not limit."},
      {.name = "min_child_samples",
       .member = &T::min_child_samples,
       .range = {.low = 1, .high = 1e9},
       .search = SearchRange{.low = 1, .high = 32, .log = true},
       .help = "Fewest rows of a leaf."},
      {.name = "bootstrap",
       .member = &T::bootstrap,
       .help = "Grow each tree on rows drawn with replacement."},
      {.name = "out_of_bag",
       .member = &T::out_of_bag,
       .help =
           "Also predict every training row by the trees whose bootstrap sample left it out: "
           "the run keeps the loss of that as oob_loss, and with keep_predictions the predictions "
           "as oob. Needs bootstrap."},
      {.name = "smoothing",
       .member = &T::smoothing,
       .range = {.low = 0, .high = 1e9},
       .help = "Classification: how much class shares of leaves are drawn towards those of the "
               "nodes above them (hierarchical shrinkage), and of the root towards the classes' "
               "frequencies. 0: not at all."},
  };
}

}  // namespace

const OptionTable<RandomForestOptions>& RandomForestOptions::table() {
  static const OptionTable<RandomForestOptions> table(
      "random_forest", "Trees on bootstrap samples, splits chosen from random features.",
      forest_options<RandomForestOptions>());
  return table;
}

const OptionTable<ExtraTreesOptions>& ExtraTreesOptions::table() {
  static const OptionTable<ExtraTreesOptions> table(
      "extra_trees", "Trees whose splits try one random threshold a feature.",
      forest_options<ExtraTreesOptions>());
  return table;
}

Status ForestOptions::check() const {
  if (!out_of_bag || bootstrap) return {};
  return fail(StatusCode::kConfig,
              "out_of_bag=true needs bootstrap=true: without it no row is left out of a tree");
}

void ForestOptions::serve(const Aim& aim) {
  if (!aim.quantile()) return;
  const double beyond = std::min(aim.level, 1 - aim.level);
  min_child_samples = std::max(min_child_samples, static_cast<int64_t>(kRowsBeyond / beyond));
}

int64_t ForestOptions::leaf_limit(int32_t class_count) const {
  if (max_leaves > 0) return std::max<int64_t>(max_leaves, 2);
  const int64_t leaf = tree_bytes(1, std::max(class_count, 1));
  return std::clamp<int64_t>(kForestBytes / trees / leaf, 16, 1 << 22);
}

kernels::TreeParams ForestOptions::tree_params(int32_t feature_count, int32_t class_count,
                                               bool random_thresholds) const {
  kernels::TreeParams tree;
  tree.growth = kernels::GrowthPolicy::kDepthWise;
  tree.max_leaves = static_cast<int32_t>(leaf_limit(class_count));
  tree.max_depth = max_depth == 0 ? 1024 : static_cast<int32_t>(max_depth);
  tree.min_child_samples = min_child_samples;
  if (node_column_fraction < 1) {
    tree.columns_per_node = share_of(node_column_fraction, feature_count);
  }
  tree.random_thresholds = random_thresholds;
  // Deep nodes have few rows: what steadies boosting's category splits would forbid them here.
  tree.category_smooth = 1;
  tree.category_l2 = 0;
  tree.max_category_levels = 255;
  return tree;
}

}  // namespace assay::automl
