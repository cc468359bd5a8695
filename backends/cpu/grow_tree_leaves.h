// Leaf values from the unquantised inputs, and the leaf of every row.
#pragma once

#include <span>

#include "backends/cpu/grow_tree_growth.h"

namespace assay::backends::cpu {

// `leaves`: the grown node of each leaf number. Fills leaf_values of args.tree, and args.leaf_of.
// Uses the packed rows as working memory: they are gone afterwards.
Status finish_leaves(Growth& growth, std::span<const int32_t> leaves);

}  // namespace assay::backends::cpu
