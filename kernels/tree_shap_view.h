// What tree_shap reads beside a forest, and the arithmetic of one node, as kernels/tree_shap.h has
// it. Plain data, non-owning; kernels/tree_shap_plan.h makes it.
#pragma once

#include <cstdint>

#include "kernels/base/host_device.h"

namespace assay::kernels {

// Points of a quadrature that a walk through a tree takes along.
inline constexpr int32_t kShapGroup = 4;

// A node on the walk through its tree, depth first, left children first: a split's left child has
// the place behind it. The root's numbers are the defaults.
struct ShapStep {
  double share = 1;      // z > 0: of the splits on `feature` above it, the product of their shares
  int32_t parent = 0;    // node number of the split above it
  int32_t feature = -1;  // which that splits
  int32_t leaf = -1;     // its leaf number, or -1: a split
  int32_t above = 0;     // place of its parent
  int32_t before = 0;    // of the nearest node above it, not itself, below a split on `feature`;
                         // else 0, the root's
  int32_t depth = 0;     // 0 at the root

  ASSAY_HOST_DEVICE bool is_leaf() const { return leaf >= 0; }
  // Of the step at `place`.
  ASSAY_HOST_DEVICE bool is_left(int64_t place) const { return place == above + 1; }
};
static_assert(sizeof(ShapStep) == 32);

struct ShapTree {
  int32_t step_count = 1;    // its nodes
  int32_t point_count = 1;   // at least 1
  int32_t point_offset = 0;  // where in `points` and `weights` they begin
};

// Addresses on the device that runs the op.
struct TreeShapView {
  const ShapStep* steps = nullptr;  // [nodes]; a tree's begin at its node offset
  const ShapTree* trees = nullptr;  // [trees]
  const double* points = nullptr;   // in (0, 1)
  const double* weights = nullptr;
};

// a, r and g of a node at one point.
struct ShapTerms {
  double a;
  double r;
  double g;
};

ASSAY_HOST_DEVICE inline ShapTerms shap_terms(double t, double o, double share) {
  const double a = t * o + (1.0 - t) * share;
  const double r = 1.0 / a;
  return {a, r, (o - share) * r};
}

}  // namespace assay::kernels
