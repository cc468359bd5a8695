#include "kernels/tree_shap.h"

namespace assay::kernels {

Status check_problem(const TreeShapProblem& problem, const TreeShapArgs& args) {
  const ForestView& forest = args.forest;
  if (problem.tree_count != forest.tree_count) {
    return fail(StatusCode::kInvalidArgument, "tree_shap: {} trees (must be the forest's {})",
                problem.tree_count, forest.tree_count);
  }
  if (problem.leaf_width < 1 || problem.output_count < 1 ||
      problem.output_count % problem.leaf_width != 0 || problem.leaf_width != forest.leaf_width ||
      problem.output_count != forest.output_count) {
    return fail(StatusCode::kInvalidArgument,
                "tree_shap: leaf_width={}, output_count={} (must be the forest's {} and {})",
                problem.leaf_width, problem.output_count, forest.leaf_width, forest.output_count);
  }
  if (problem.row_count < 0 || (args.rows == nullptr && problem.row_count > args.bins.row_count)) {
    return fail(StatusCode::kInvalidArgument, "tree_shap: row_count={} (must be 0..{})",
                problem.row_count, args.bins.row_count);
  }
  if (problem.feature_count != args.bins.feature_count) {
    return fail(StatusCode::kInvalidArgument,
                "tree_shap: feature_count={} (must be the {} of the bins)", problem.feature_count,
                args.bins.feature_count);
  }
  if (problem.most_depth < 0 || problem.most_nodes < 1 || problem.work < 0) {
    return fail(StatusCode::kInvalidArgument,
                "tree_shap: most_depth={}, most_nodes={}, work={} (must be at least 0, 1 and 0)",
                problem.most_depth, problem.most_nodes, problem.work);
  }
  const TreeShapView& shap = args.shap;
  const bool works = problem.row_count > 0 && problem.tree_count > 0;
  if (works && (shap.steps == nullptr || shap.trees == nullptr || shap.points == nullptr ||
                shap.weights == nullptr)) {
    return fail(StatusCode::kInvalidArgument, "tree_shap: an array of shap is null");
  }
  if (works && problem.feature_count > 0 && args.out == nullptr) {
    return fail(StatusCode::kInvalidArgument, "tree_shap: out is null");
  }
  return {};
}

}  // namespace assay::kernels
