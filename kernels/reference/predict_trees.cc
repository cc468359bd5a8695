#include "kernels/predict_trees.h"

#include "kernels/reference/reference_ops.h"

namespace assay::kernels::reference {
namespace {

// Number of the leaf, within its tree, that `row` of `bins` reaches.
int32_t find_leaf(const ForestView& forest, int64_t tree, const BinnedView& bins, int64_t row) {
  const TreeNode* nodes = forest.nodes + forest.node_offsets[tree];
  const CategorySet* sets = forest.category_sets + forest.category_set_offsets[tree];
  const TreeNode* node = nodes;
  while (!node->is_leaf()) {
    const uint8_t bin = bins.bins[bins.cell_offset(row, node->feature)];
    node = nodes + node->left + (goes_left(*node, sets, bin) ? 0 : 1);
  }
  return node->left;
}

}  // namespace

Status predict_trees(const OpContext& context, const PredictTreesProblem& problem,
                     const PredictTreesArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  for (int64_t i = 0; i < problem.row_count; ++i) {
    if (context.stop != nullptr && context.stop->requested()) {
      return fail(StatusCode::kCancelled, "predict_trees was stopped");
    }
    const int64_t row = args.rows == nullptr ? i : int64_t{args.rows[i]};
    for (int64_t tree = problem.tree_begin; tree < problem.tree_end; ++tree) {
      const std::span<double> scores(args.scores + i * problem.output_count,
                                     static_cast<size_t>(problem.output_count));
      if (args.exit != nullptr && tree % args.exit->bounds->step() == 0 &&
          decide_early(args.exit->rule, *args.exit->bounds, tree, scores)) {
        break;
      }
      const int64_t leaf =
          args.forest.leaf_offsets[tree] + find_leaf(args.forest, tree, args.bins, row);
      const int64_t first = tree * problem.leaf_width % problem.output_count;
      for (int32_t k = 0; k < problem.leaf_width; ++k) {
        scores[static_cast<size_t>(first + k)] +=
            double{args.forest.leaf_values[leaf * problem.leaf_width + k]};
      }
    }
  }
  return {};
}

}  // namespace assay::kernels::reference
