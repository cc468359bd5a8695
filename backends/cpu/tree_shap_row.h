// tree_shap of a row that is alone: the points of a group side by side, and nothing computed for
// rows that go elsewhere.
#pragma once

#include "kernels/tree_shap.h"

namespace assay::backends::cpu {

// Of a problem that was checked, with one row, a feature and a tree. Fails: cancelled.
Status explain_row(const kernels::OpContext& context, const kernels::TreeShapProblem& problem,
                   const kernels::TreeShapArgs& args);

}  // namespace assay::backends::cpu
