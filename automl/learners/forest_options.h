// Options of the learners "random_forest" and "extra_trees", which differ in their defaults and in
// what a split tries.
#pragma once

#include <cstdint>

#include "automl/config/option_table.h"
#include "automl/metrics/aim.h"
#include "kernels/grow_tree.h"

namespace assay::automl {

// What both have.
struct ForestOptions {
  int64_t trees = 100;
  double node_column_fraction = 0.35;
  int64_t max_leaves = 0;  // 0: as many as keep the forest within kForestBytes
  int64_t max_depth = 0;   // 0: not limited
  int64_t min_child_samples = 2;
  bool bootstrap = true;
  bool out_of_bag = false;
  double smoothing = 0.05;  // strength of smooth_leaves(); classification

  // Rules over several options. Fails: config.
  Status check() const;
  // What grow_tree is told. `class_count` is 0 for regression.
  kernels::TreeParams tree_params(int32_t feature_count, int32_t class_count,
                                  bool random_thresholds) const;
  // A leaf that is to tell a quantile gets at least so many rows that a few lie beyond it.
  void serve(const Aim& aim);
  // Leaves a tree may have.
  int64_t leaf_limit(int32_t class_count) const;
};

// A forest that says nothing of its leaves is held within this, or within 16 leaves a tree.
inline constexpr int64_t kForestBytes = int64_t{96} << 20;

struct RandomForestOptions : ForestOptions {
  static const OptionTable<RandomForestOptions>& table();
};

struct ExtraTreesOptions : ForestOptions {
  ExtraTreesOptions() {
    bootstrap = false;
    node_column_fraction = 0.5;
  }
  static const OptionTable<ExtraTreesOptions>& table();
};

}  // namespace assay::automl
