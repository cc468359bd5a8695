// Small tables and calls of the reference, for tests with trees worked out by hand.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/grow_tree.h"
#include "kernels/reference/reference_ops.h"

namespace assay::kernels {

// At most 64 features, so that the layout is plain row-major.
struct SmallTable {
  std::vector<std::vector<uint8_t>> rows;
  std::vector<int32_t> bin_counts;
  std::vector<FeatureKind> kinds;  // empty: all numeric
};

// One call of grow_tree. Gradient mode unless classes are given; hessians default to 1, rows to
// all.
struct TreeTask {
  SmallTable table;
  TreeParams params;
  std::vector<float> gradients;
  std::vector<float> hessians;
  std::vector<int32_t> classes;
  std::vector<float> weights;
  std::vector<uint32_t> rows;
  std::vector<uint8_t> mask;
  std::vector<int8_t> monotone;
  std::vector<uint64_t> interactions;
  int32_t class_count = 0;
  uint64_t seed = 1;
};

struct GrownTree {
  Status status;
  Tree tree;
  std::vector<int32_t> leaf_of;

  const TreeNode& node(size_t i) const { return tree.nodes.at(i); }
};

inline GrownTree grow(TreeTask task) {
  const size_t row_count = task.table.rows.size();
  const auto feature_count = static_cast<int32_t>(task.table.bin_counts.size());
  std::vector<uint8_t> bins;
  for (const auto& row : task.table.rows) bins.insert(bins.end(), row.begin(), row.end());
  if (task.table.kinds.empty()) {
    task.table.kinds.assign(static_cast<size_t>(feature_count), FeatureKind::kNumeric);
  }
  if (task.hessians.empty()) task.hessians.assign(row_count, 1.0f);
  if (task.rows.empty()) {
    for (size_t i = 0; i < row_count; ++i) task.rows.push_back(static_cast<uint32_t>(i));
  }
  GrowTreeProblem problem;
  problem.row_count = static_cast<int64_t>(row_count);
  problem.sample_count = static_cast<int64_t>(task.rows.size());
  problem.feature_count = feature_count;
  problem.class_count = task.class_count;
  problem.params = task.params;
  problem.seed = task.seed;

  GrownTree grown;
  grown.leaf_of.assign(task.rows.size(), -1);
  GrowTreeArgs args;
  args.bins = {bins.data(), problem.row_count, feature_count, task.table.bin_counts.data(),
               task.table.kinds.data()};
  args.rows = task.rows.data();
  args.gradients = task.gradients.data();
  args.hessians = task.hessians.data();
  args.classes = task.classes.data();
  args.weights = task.weights.empty() ? nullptr : task.weights.data();
  args.feature_mask = task.mask.empty() ? nullptr : task.mask.data();
  args.monotone = task.monotone.empty() ? nullptr : task.monotone.data();
  args.interactions = task.interactions.empty() ? nullptr : task.interactions.data();
  const auto& first = task.class_count > 0 ? task.weights : task.gradients;
  args.max_abs_gradient = task.class_count > 0 ? 1.0f : 0.0f;
  for (const float x : first) args.max_abs_gradient = std::max(args.max_abs_gradient, std::abs(x));
  for (const float h : task.hessians) args.max_hessian = std::max(args.max_hessian, h);
  args.tree = &grown.tree;
  args.leaf_of = grown.leaf_of.data();
  grown.status = reference::grow_tree(OpContext{}, problem, args);
  return grown;
}

// One feature, a row for each bin.
inline SmallTable one_feature(const std::vector<uint8_t>& bins, int32_t bin_count,
                              FeatureKind kind = FeatureKind::kNumeric) {
  SmallTable table;
  for (const uint8_t bin : bins) table.rows.push_back({bin});
  table.bin_counts = {bin_count};
  table.kinds = {kind};
  return table;
}

}  // namespace assay::kernels
