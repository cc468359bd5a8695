#include "kernels/predict_trees.h"

namespace assay::kernels {
namespace {

Status check_exit(const PredictTreesProblem& problem, const PredictTreesArgs& args) {
  const LeafBounds* bounds = args.exit->bounds;
  if (bounds == nullptr || bounds->tree_count() != args.forest.tree_count ||
      bounds->output_count() != problem.output_count) {
    return fail(StatusCode::kInvalidArgument,
                "predict_trees: early exit without bounds of these {} trees and {} outputs",
                args.forest.tree_count, problem.output_count);
  }
  if (problem.tree_end != args.forest.tree_count) {
    return fail(StatusCode::kInvalidArgument,
                "predict_trees: early exit before tree {} (must be the last, {})", problem.tree_end,
                args.forest.tree_count);
  }
  const bool one = args.exit->rule.kind == DecisionRule::Kind::kSide;
  if (one != (problem.output_count == 1)) {
    return fail(StatusCode::kInvalidArgument,
                "predict_trees: early exit by a rule of {} with {} outputs",
                one ? "one score" : "several scores", problem.output_count);
  }
  return {};
}

}  // namespace

Status check_problem(const PredictTreesProblem& problem, const PredictTreesArgs& args) {
  const ForestView& forest = args.forest;
  if (problem.tree_begin < 0 || problem.tree_end < problem.tree_begin ||
      problem.tree_end > forest.tree_count) {
    return fail(StatusCode::kInvalidArgument, "predict_trees: trees {}..{} (must be within 0..{})",
                problem.tree_begin, problem.tree_end, forest.tree_count);
  }
  if (problem.leaf_width < 1 || problem.output_count < 1 ||
      problem.output_count % problem.leaf_width != 0 || problem.leaf_width != forest.leaf_width ||
      problem.output_count != forest.output_count) {
    return fail(StatusCode::kInvalidArgument,
                "predict_trees: leaf_width={}, output_count={} (must be the forest's {} and {})",
                problem.leaf_width, problem.output_count, forest.leaf_width, forest.output_count);
  }
  if (problem.row_count < 0 || (args.rows == nullptr && problem.row_count > args.bins.row_count)) {
    return fail(StatusCode::kInvalidArgument, "predict_trees: row_count={} (must be 0..{})",
                problem.row_count, args.bins.row_count);
  }
  if (problem.feature_count != args.bins.feature_count) {
    return fail(StatusCode::kInvalidArgument,
                "predict_trees: feature_count={} (must be the {} of the bins)",
                problem.feature_count, args.bins.feature_count);
  }
  if (problem.row_count > 0 && problem.tree_end > problem.tree_begin && args.scores == nullptr) {
    return fail(StatusCode::kInvalidArgument, "predict_trees: scores is null");
  }
  if (args.exit != nullptr) return check_exit(problem, args);
  return {};
}

}  // namespace assay::kernels
