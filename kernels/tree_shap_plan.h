// TreeShapPlan: what tree_shap has to know of a forest, made once on the host: its nodes in the
// order of the walk with their shares, the points of quadrature that each tree takes, and what the
// forest is worth knowing nothing. Immutable; thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/tree.h"
#include "kernels/tree_shap.h"

namespace assay::kernels {

class TreeShapPlan {
 public:
  // Of a forest that passes Forest::check(feature_count), which is not kept. Covers may be
  // anything. O(nodes).
  TreeShapPlan(const Forest& forest, int32_t feature_count);

  // What the sums are worth knowing nothing: [output_count]. A row's sums are those and the
  // contributions, but for rounding.
  std::span<const double> expected() const { return expected_; }
  // The problem of `row_count` rows.
  TreeShapProblem problem(int64_t row_count) const;

  std::span<const ShapStep> steps() const { return steps_; }
  std::span<const ShapTree> trees() const { return trees_; }
  std::span<const double> points() const { return points_; }
  std::span<const double> weights() const { return weights_; }
  // Host addresses, valid as long as this lives.
  TreeShapView view() const;

 private:
  void add_tree(const Forest& forest, int64_t tree, std::vector<int32_t>& last_of);

  TreeShapProblem problem_;
  std::vector<ShapStep> steps_;
  std::vector<ShapTree> trees_;
  std::vector<double> points_;
  std::vector<double> weights_;
  std::vector<double> expected_;
};

}  // namespace assay::kernels
