#include "kernels/grow_trees.h"

#include "kernels/reference/reference_ops.h"

namespace assay::kernels::reference {

Status grow_trees(const OpContext& context, const GrowTreesProblem& problem,
                  const GrowTreesArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  for (size_t i = 0; i < problem.trees.size(); ++i) {
    ASSAY_RETURN_IF_ERROR(grow_tree(context, problem.trees[i], args.trees[i]));
  }
  return {};
}

}  // namespace assay::kernels::reference
