// Op tree_shap: adds to each row what every feature contributes to the sums of a forest: Shapley
// values, exact, for the game of path-dependent TreeSHAP (Lundberg, Erion, Lee, "Consistent
// Individualized Feature Attribution for Tree Ensembles", 2018): what a tree is worth knowing only
// the features in S is its value where a split on a feature that is not in S goes both ways, by the
// shares of the training rows.
//
// For one leaf that game is a product over the features of its path: o_j in {0, 1} if the row's
// feature j is known (whether all its splits lead there), z_j if not (the product of their shares).
// A product game's Shapley value is an integral along the diagonal of its multilinear extension
// (Owen 1972):
//
//     phi_j = value * (o_j - z_j) * integral over t in [0, 1] of
//             prod_{i != j} (t o_i + (1 - t) z_i)
//
// of a polynomial, which Gauss-Legendre quadrature with half as many points as the path has
// features integrates exactly. Products are kept on the way down, sums of leaves on the way up, so
// a row costs O(nodes * points) instead of the O(leaves * depth^2) of the first paper (Yu et al.,
// "Linear TreeShap", 2022, has the same cost another way). All terms are positive until the last
// subtraction: nothing cancels.
//
// In this order of operations, all in doubles without contraction, for each row: trees ascending;
// of a tree its points in groups of kShapGroup, ascending (the last may be smaller); for a group
// the nodes depth first, the left child before the right. For a point t of weight w the root has
// p = 1, o = 1, r = 1, g = 0. Any other node, below a split on feature f, has
//     o = o' if the row goes to it from its parent, else 0
//     a = t o + (1 - t) z        r = 1 / a        g = (o - z) r        p = p(parent) (a r')
// with z its share (ShapStep) and o', r', g' those of its step's `before`: the nearest node above
// it that is below a split on f too, or the root. Then, its s being leaf_value[k] p, or the sum of
// its left and its right child's,
//     out[row, first + k, f] += ((g - g') w) s[k]
// for the group's points in ascending order, when both of its children have added theirs; `first`
// is (tree * leaf_width) % output_count.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/binned_view.h"
#include "kernels/op_table.h"
#include "kernels/tree_node.h"
#include "kernels/tree_shap_view.h"

namespace assay::kernels {

struct TreeShapProblem {
  int64_t row_count = 0;  // rows to explain
  int32_t feature_count = 0;
  int64_t tree_count = 0;
  int32_t leaf_width = 1;
  int32_t output_count = 1;
  // Of TreeShapPlan: what a row costs and what it takes to walk.
  int32_t most_depth = 0;  // of a node
  int32_t most_nodes = 1;  // of a tree
  int64_t work = 0;        // nodes * points, summed over trees
};

struct TreeShapArgs {
  BinnedView bins;
  ForestView forest;               // passes Forest::check
  TreeShapView shap;               // of that forest's TreeShapPlan
  const uint32_t* rows = nullptr;  // [row_count] rows of `bins`; null: 0, 1, 2, ...
  double* out = nullptr;           // in and out, [row_count, output_count, feature_count]
};

// Fails: invalid_argument for sizes that do not fit together or missing arrays; cancelled if the
// context's stop token asks (out is then partly updated); resource_exhausted.
struct TreeShap {
  static constexpr std::string_view kName = "tree_shap";
  using Problem = TreeShapProblem;
  using Args = TreeShapArgs;
};

// The range checks that every implementation starts with.
Status check_problem(const TreeShapProblem& problem, const TreeShapArgs& args);

}  // namespace assay::kernels
