// Grows a tree whose rows are quantised.
#pragma once

#include "backends/cpu/grow_tree_growth.h"

namespace assay::backends::cpu {

// What a tree starts with: its rules, usable features, and memory for quantised rows, not filled.
// The arguments must outlive it. Throws std::bad_alloc.
Growth start_growth(const kernels::OpContext& context, const kernels::GrowTreeProblem& problem,
                    const kernels::GrowTreeArgs& args);

// Grows it to the end. Throws std::bad_alloc.
Status grow_quantised(Growth& growth);

// Logical cost units of a tree: every level reads each row of the searched columns once.
double growing_units(const kernels::GrowTreeProblem& problem);

// A tree of one leaf of value 0: what an empty sample gives.
void make_stump(const kernels::GrowTreeProblem& problem, kernels::Tree& tree);

}  // namespace assay::backends::cpu
