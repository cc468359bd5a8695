// Many rows through packed trees. Rows are taken in blocks: a block's bins are copied side by side,
// row by row or feature by feature as the trees need it, and every tree is gone through for all of
// them before the next (predict_trees_walk.h).
#pragma once

#include "backends/cpu/predict_trees_pack.h"

namespace assay::backends::cpu {

// Adds the leaves of all rows of a valid problem to their scores; `packed` is of its trees. Returns
// early where the context's stop token asks. Fails: resource_exhausted.
Status predict_blocks(const kernels::OpContext& context,
                      const kernels::PredictTreesProblem& problem,
                      const kernels::PredictTreesArgs& args, const PackedTrees& packed);

}  // namespace assay::backends::cpu
