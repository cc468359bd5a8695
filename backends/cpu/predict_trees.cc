#include "kernels/predict_trees.h"

#include "backends/cpu/cpu_kernels.h"

namespace assay::backends::cpu {
namespace {

using kernels::PredictTreesArgs;
using kernels::PredictTreesProblem;

constexpr int64_t kChunkRows = 256;

void predict_rows(const PredictTreesProblem& problem, const PredictTreesArgs& args,
                  const ChunkRange& range) {
  const kernels::ForestView& forest = args.forest;
  for (int64_t tree = problem.tree_begin; tree < problem.tree_end; ++tree) {
    const kernels::TreeNode* nodes = forest.nodes + forest.node_offsets[tree];
    const kernels::CategorySet* sets = forest.category_sets + forest.category_set_offsets[tree];
    const float* leaves = forest.leaf_values + forest.leaf_offsets[tree] * problem.leaf_width;
    const int64_t first = tree * problem.leaf_width % problem.output_count;
    for (int64_t i = range.begin; i < range.end; ++i) {
      const int64_t row = args.rows == nullptr ? i : int64_t{args.rows[i]};
      const kernels::TreeNode* node = nodes;
      while (!node->is_leaf()) {
        const uint8_t bin = args.bins.bins[args.bins.cell_offset(row, node->feature)];
        node = nodes + node->left + (goes_left(*node, sets, bin) ? 0 : 1);
      }
      const float* values = leaves + int64_t{node->left} * problem.leaf_width;
      double* scores = args.scores + i * problem.output_count + first;
      for (int32_t k = 0; k < problem.leaf_width; ++k) scores[k] += double{values[k]};
    }
  }
}

Status run(const kernels::OpContext& context, const PredictTreesProblem& problem,
           const PredictTreesArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  const auto stopped = [&] { return context.stop != nullptr && context.stop->requested(); };
  ASSAY_RETURN_IF_ERROR(context.executor->parallel_for(
      chunk_count_of(problem.row_count, kChunkRows), [&](int64_t chunk, int) {
        if (!stopped()) {
          predict_rows(problem, args, chunk_range(problem.row_count, kChunkRows, chunk));
        }
      }));
  if (stopped()) return fail(StatusCode::kCancelled, "predict_trees was stopped");
  return {};
}

std::optional<std::string> decline(const kernels::DeviceInfo&, const PredictTreesProblem&) {
  return std::nullopt;
}

double cost(const kernels::DeviceInfo&, const PredictTreesProblem& problem) {
  return static_cast<double>(problem.row_count) *
         static_cast<double>(problem.tree_end - problem.tree_begin) * 10;
}

}  // namespace

void register_predict_trees(kernels::KernelSet& kernels) {
  kernels.table<kernels::PredictTrees>().add({"cpu.blocked", "cpu", decline, cost, run});
}

}  // namespace assay::backends::cpu
