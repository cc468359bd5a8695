// Class shares of a tree's leaves, drawn towards those of the nodes above them, so that no class
// has probability 0 and small leaves claim less than they know: hierarchical shrinkage (Agarwal,
// Tan, Ronen, Singh, Yu: "Hierarchical Shrinkage: improving the accuracy and interpretability of
// tree-based methods", ICML 2022), with one more node above the root, which knows nothing but
// the prior (as the m-estimate has it: Cestnik, "Estimating Probabilities", ECAI 1990).
//
// On the way from that node t_-1 over the root t_0 to a leaf t_L, with E(t) the class shares of the
// n(t) rows of the sample in node t,
//
//     p = E(t_-1) + sum over i = 0..L of (E(t_i) - E(t_i-1)) / (1 + strength / n(t_i-1))
//
// where n(t_-1) is taken for n(t_0). It is a mean of all E on the way, whose weights are positive:
// probabilities stay probabilities. In double, node by node, so that the bits are the same
// anywhere.
#pragma once

#include <span>

#include "kernels/tree.h"

namespace assay::automl {

// `prior` [leaf width] sums to 1; `strength` >= 0, 0 changes nothing. O(nodes * classes) time and
// 8 bytes of memory for each.
void smooth_leaves(kernels::Tree& tree, std::span<const double> prior, double strength);

}  // namespace assay::automl
