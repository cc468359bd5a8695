// Grows a tree whose rows are quantised.
#pragma once

#include "backends/cpu/grow_tree_search.h"
#include "backends/cpu/grow_tree_splitter.h"

namespace assay::backends::cpu {

// What a tree starts with: its rules, usable features, and memory for quantised rows, not filled.
// The arguments must outlive it. Throws std::bad_alloc.
Growth start_growth(const kernels::OpContext& context, const kernels::GrowTreeProblem& problem,
                    const kernels::GrowTreeArgs& args);

// Grows it to the end. Throws std::bad_alloc.
Status grow_quantised(Growth& growth);

// The same in two steps, for devices that work on the nodes in their own way: the rows in order,
// and then a tree that is not symmetric (grow_tree_symmetric.h grows those). Nodes of at most
// `subtree_rows` rows are left to the CPU's threads where the order of splits does not matter; at
// most kSubtreeRows.
Status set_order(Growth& growth);
Status grow_with(Growth& growth, const SplitSearch& search, NodeSplitter& splitter,
                 int64_t subtree_rows);

// Logical cost units of a tree: every level reads each row of the searched columns once.
double growing_units(const kernels::GrowTreeProblem& problem);

// A tree of one leaf of value 0: what an empty sample gives.
void make_stump(const kernels::GrowTreeProblem& problem, kernels::Tree& tree);

}  // namespace assay::backends::cpu
