// Op grow_tree: one decision tree from gradients, on integer histograms.
//
// Rows. The tree is grown on rows[0..sample_count) of the matrix, distinct and ascending.
// Sampling with replacement is expressed by the caller as weights.
//
// Quantisation (after Shi et al., "Quantized Training of Gradient Boosting Decision Trees",
// NeurIPS 2022, with powers of two as scales). For n = sample_count:
//   gradient: |q| <= Qg = min(2^gradient_bits - 1, floor((2^31 - 1) / n))
//   hessian:  0 <= q <= Qh = min(2^gradient_bits - 1, floor((2^32 - 1) / n))
//   exponent e = the largest with max_abs * 2^e <= Q (0 if max_abs is 0);  q = floor(x * 2^e + u),
//   exactly (doubles suffice), u in [0, 1) with 16 random bits: for row r, word r % 4 of the Philox
//   block keyed by `seed` at counter (r / 4, 0, 0, 1), low half for the gradient, high half for the
//   hessian; u = half / 65536. A value that is already whole stays itself. (floor of a negative
//   rounds down: unbiased all the same.)
// The sums of a node fit in 32 bits each, so one packed 64-bit word (gradient << 32) + hessian
// holds a histogram bin and adds exactly in any order: trees have the same bits on any number of
// threads, any SIMD target and any device.
// Class mode (class_count >= 2) counts classes instead: the word of (bin, class) is
// (q(weight) << 32) + 1, the weight quantised with Qg and the gradient's random half.
// A bin is said to have rows in a node if its word is not 0 (class mode: one of its words).
//
// Gain, in doubles, in this order of operations, no contraction; G and H are the integer sums times
// 2^-e:
//   gradient mode: score(G, H) = t * t / (H + l2), t = sign(G) * max(|G| - l1, 0)
//   class mode:    score = (sum over classes, ascending, of W_c * W_c) / W, W = sum of W_c;
//                  0 if W is 0
//   gain = (score(left) + score(right)) - score(node)
// A split needs gain > max(min_gain, score(node) * 2^-48), less being what rounding alone can make,
// and on both sides: integer hessian sum > 0 (class mode: count), H >= min_child_weight (class
// mode: W), and rows >= min_child_samples, where rows of a side are the exact count in class mode
// and floor(h * (double(n_node) / h_node) + 0.5) in gradient mode, h being integer hessian sums.
//
// Numeric splits scan thresholds ascending; at each, missing left is tried before missing right
// where the node has rows in the missing bin. Where it has none, missing goes to the side with the
// larger integer hessian sum (class mode: count), left on a tie. A threshold is a value bin in
// [1, bin_count - 2].
// Categorical splits treat every code that has rows, missing and unseen included, as a level. With
// at most onehot_levels levels present: each level alone on the left. Otherwise levels are sorted
// by G / (H + category_smooth) (class mode: weight of the node's heaviest class, lowest on a tie,
// over W + category_smooth; 0 where the divisor is 0), ties by code; the left side is a prefix,
// first of the ascending order then of its reverse, of at most max_category_levels levels and at
// most half of those present (rounded up); gains of these use l2 + category_l2 on both sides and
// for the node.
// Extra-trees mode (random_thresholds): for a numeric feature one threshold, lo + draw(hi - lo),
// lo and hi being the least and greatest value bins with rows in the node; for a categorical one
// prefix length 1 + draw(levels - 1) of the ascending order (no cap, never one-hot).
// draw(m) = Rng(derive_seed(key, "feature", feature)).below(m), key being the node's (below); no
// split of the feature if m is 0.
// Best split of a node: greatest gain; ties by lowest feature, then by order of the scan above.
//
// Which features: those with feature_mask[f] != 0 (all if null) and at least two codes in use; if
// columns_per_node is in [1, their count), the first columns_per_node entries of the Fisher-Yates
// shuffle `for i in [0, k): swap(a[i], a[i + rng.below(a.size() - i)])` of their ascending list
// with Rng(derive_seed(key, "columns")).
// A node's key is `seed` for the root and derive_seed(key of the parent, "child", side) for others,
// side being 0 on the left and 1 on the right: draws depend on the path, not on the order in which
// nodes are split, so that subtrees can be grown apart.
//
// Constraints (gradient mode). With `monotone` given, a node has bounds on its value, -inf and inf
// at the root. With t = sign(G) * max(|G| - l1, 0), the l2 of the split at hand and the node's
// bounds,
//   value = (0 - t) / (H + l2), held within the bounds;
//   score = 0 - ((2 * t) * value + (H + l2) * (value * value))
// takes the place of the score above, for node and sides. A split on a numeric feature f with
// monotone[f] = 1 (-1) needs value(left) <= value(right) (>=), and bounds its children: with m =
// (value(left) + value(right)) * 0.5 the lower side's value is at most m and the other's at least m
// (of rows that are not missing, the left side has the lower numbers). Others hand their bounds on.
// Leaf values are held within the leaf's bounds before they are scaled.
// With `interactions` given (both modes), a node may split only on features that share a bit with
// it: the root has all bits, a child those of its parent that the parent's feature has too.
// Features of columns_per_node are chosen before that.
//
// Growth. kLeafWise: the open leaf of the greatest gain is split next, ties by lowest node number.
// kDepthWise: open leaves are split in order of node number. Both stop at max_leaves; a node at
// depth max_depth (root 0) is not split.
// kSymmetric (oblivious trees; Kohavi and Li, "Oblivious Decision Trees, Graphs, and Top-Down
// Pruning", 1995): all leaves are split alike, level by level, max_depth times at most. At a leaf a
// candidate may stand, by the rules above for its sides, direction and groups, or not. Its gain is
// the sum, in order of node number, of its gains at the leaves where it may stand, whether these
// are above 0 or not; it must exceed max(min_gain, 2^-48 * the sum of score(node) over all leaves
// in the same order). What candidates there are is told by the whole sample, at every level: on
// which sides missing is tried, the levels of a category and their order, lo and hi of random
// thresholds; draws use derive_seed(seed, "level", level) in place of a node's key,
// columns_per_node included. The best candidate splits the leaves where it may stand, in order of
// node number, and the gain of each is its own; other leaves are left for the next level. A level
// that would make more than max_leaves leaves is not made, nor are those behind it.
//
// Leaf values come from the unquantised inputs, summed in int64 fixed point (FixedPoint::for_sum
// with the given maxima and sample_count): (0 - sign(G) * max(|G| - l1, 0)) / (H + l2), 0 if H + l2
// is not positive, times leaf_scale, rounded to f32. Class mode: W_c / W, times leaf_scale, with W
// summed in fixed point too; 0 if W is 0.
// kernels/tree_rules.h has the pieces of this that every implementation shares.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/binned_view.h"
#include "kernels/op_table.h"
#include "kernels/tree.h"

namespace assay::kernels {

inline constexpr int32_t kMaxClasses = 65536;

enum class GrowthPolicy : uint8_t { kLeafWise, kDepthWise, kSymmetric };

struct TreeParams {
  GrowthPolicy growth = GrowthPolicy::kLeafWise;
  int32_t max_leaves = 31;        // 1..2^30
  int32_t max_depth = 64;         // 0..1024; the root has depth 0
  int64_t min_child_samples = 1;  // >= 1
  double min_child_weight = 0;    // >= 0
  double min_gain = 0;            // >= 0
  double l1 = 0;                  // >= 0
  double l2 = 0;                  // >= 0
  int32_t columns_per_node = 0;   // 0: all
  bool random_thresholds = false;
  int32_t onehot_levels = 4;         // >= 0
  int32_t max_category_levels = 32;  // >= 1
  double category_smooth = 10;       // >= 0
  double category_l2 = 10;           // >= 0
  int32_t gradient_bits = 15;        // 2..15
  double leaf_scale = 1;             // the learning rate of boosting
};

struct GrowTreeProblem {
  int64_t row_count = 0;     // of the matrix
  int64_t sample_count = 0;  // 0..2^31 - 1; with 0 the tree is one leaf of value 0
  int32_t feature_count = 0;
  // 0: gradient mode; 2..kMaxClasses: class mode, leaves have class_count values.
  int32_t class_count = 0;
  TreeParams params;
  uint64_t seed = 0;
};

struct GrowTreeArgs {
  BinnedView bins;
  const uint32_t* rows = nullptr;  // [sample_count]
  // Gradient mode, both [row_count] indexed by row, finite; hessians >= 0.
  const float* gradients = nullptr;
  const float* hessians = nullptr;
  // Class mode, both [row_count]: class in [0, class_count), weight >= 0 (null: 1).
  const int32_t* classes = nullptr;
  const float* weights = nullptr;
  // Upper bounds over the sample of |gradient| (class mode: weight) and hessian. They set the
  // scales, so a caller must compute them independently of threads.
  float max_abs_gradient = 0;
  float max_hessian = 0;
  const uint8_t* feature_mask = nullptr;  // [feature_count], the host's memory; null: all
  // Likewise, null without constraints: -1, 0 or 1 (categorical features: 0; gradient mode only),
  // and the groups that a feature is of.
  const int8_t* monotone = nullptr;
  const uint64_t* interactions = nullptr;
  // Out.
  Tree* tree = nullptr;        // host; replaced
  int32_t* leaf_of = nullptr;  // [sample_count]: leaf number of rows[i]
};

// Fails: invalid_argument for parameters out of range, missing arrays or a view of another shape;
// cancelled if the context's stop token asks, at the latest after one more node's work (many small
// nodes count as one). What `tree` and `leaf_of` hold after a failure is unspecified.
struct GrowTree {
  static constexpr std::string_view kName = "grow_tree";
  using Problem = GrowTreeProblem;
  using Args = GrowTreeArgs;
};

// The range checks that every implementation starts with.
Status check_problem(const GrowTreeProblem& problem, const GrowTreeArgs& args);

}  // namespace assay::kernels
