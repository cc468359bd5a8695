// Options of the learner "gbt": gradient boosted trees.
#pragma once

#include <cstdint>
#include <string>

#include "automl/config/option_table.h"
#include "kernels/grow_tree.h"

namespace assay::automl {

struct GbtOptions {
  std::string objective = "auto";
  double alpha = 0.9;      // of objective quantile
  double huber_delta = 0;  // 0: half the distance of the target's quartiles
  double tweedie_variance_power = 1.5;
  int64_t rounds = 1000;
  double learning_rate = 0.1;
  bool early_stopping = true;
  int64_t patience = 0;  // 0: chosen from the rows and the best round
  int64_t max_leaves = 31;
  int64_t max_depth = 0;  // 0: not limited
  std::string growth = "leaf_wise";
  int64_t min_child_samples = 20;
  double min_child_weight = 1e-3;
  double min_gain = 0;
  double l1 = 0;
  double l2 = 1;
  double row_fraction = 1;
  std::string sampling = "uniform";
  double goss_top_fraction = 0.2;
  double goss_other_fraction = 0.1;
  double column_fraction = 1;
  double node_column_fraction = 1;
  bool random_thresholds = false;
  std::string categorical = "subsets";
  int64_t onehot_levels = 4;
  int64_t max_category_levels = 32;
  double category_smooth = 10;
  double category_l2 = 10;
  int64_t gradient_bits = 15;
  static const OptionTable<GbtOptions>& table();

  // Rules over several options. Fails: config.
  Status check() const;
  // Likewise of what a user set; a search may draw what is then not used.
  Status check_settled() const;
  // Share of the rows that rounds see, but for warm ones.
  double row_share() const;
  // Rounds at the beginning that see all rows although goss samples.
  int64_t warm_rounds() const;
  // What grow_tree is told, for so many features.
  kernels::TreeParams tree_params(int32_t feature_count) const;
};

// share * count, at least 1 and at most count.
int32_t share_of(double share, int32_t count);

}  // namespace assay::automl
