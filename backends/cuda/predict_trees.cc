#include "kernels/predict_trees.h"

#include <optional>
#include <string>

#include "backends/cuda/cuda_kernels.h"
#include "backends/cuda/device.h"

namespace assay::backends::cuda {
namespace {

using kernels::PredictTreesArgs;
using kernels::PredictTreesProblem;

Status run(const kernels::OpContext& context, const PredictTreesProblem& problem,
           const PredictTreesArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  if (problem.row_count == 0 || problem.tree_begin >= problem.tree_end) return {};
  if (context.stop != nullptr && context.stop->requested()) {
    return fail(StatusCode::kCancelled, "predict_trees was stopped");
  }
  CudaDevice& device = device_of(context);
  const auto lock = device.use();
  ASSAY_RETURN_IF_ERROR(device.launch<PredictTreesKernel>(
      {chunk_count_of(problem.row_count, PredictTreesKernel::kThreads), 1, 0},
      {args.bins, args.forest, args.rows, args.scores, problem.row_count, problem.tree_begin,
       problem.tree_end, problem.leaf_width, problem.output_count}));
  return device.finish();
}

std::optional<std::string> decline(const kernels::DeviceInfo&, const PredictTreesProblem&) {
  return std::nullopt;
}

double cost(const kernels::DeviceInfo&, const PredictTreesProblem& problem) {
  return 20'000 + 0.05 * static_cast<double>(problem.row_count) *
                      static_cast<double>(problem.tree_end - problem.tree_begin);
}

}  // namespace

void register_predict_trees(kernels::KernelSet& kernels) {
  kernels.table<kernels::PredictTrees>().add({"cuda.row", "cuda", decline, cost, run});
}

}  // namespace assay::backends::cuda
