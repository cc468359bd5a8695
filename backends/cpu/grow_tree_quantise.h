// The first step of grow_tree on the CPU: the inputs of every sampled row, rounded to integers.
#pragma once

#include <memory>

#include "backends/cpu/grow_tree_rules.h"
#include "kernels/device.h"

namespace assay::backends::cpu {

// Scales of the problem, from the bounds that the caller gives.
GainRules gain_rules(const kernels::GrowTreeProblem& problem, const kernels::GrowTreeArgs& args);

// Writes packed[row] for every sampled row (see grow_tree_rules.h).
Status quantise_rows(Executor& executor, const kernels::GrowTreeProblem& problem,
                     const kernels::GrowTreeArgs& args, uint32_t* packed);

}  // namespace assay::backends::cpu
