#include "kernels/predict_trees.h"

#include <optional>
#include <string>

#include "backends/cuda/cuda_kernels.h"
#include "backends/cuda/device.h"
#include "backends/cuda/row_stream.h"

namespace assay::backends::cuda {
namespace {

using kernels::PredictTreesArgs;
using kernels::PredictTreesProblem;

// Rows of a table, from position `range.begin` on.
Status launch(CudaDevice& device, const PredictTreesProblem& problem, const PredictTreesArgs& args,
              ChunkRange range) {
  const int64_t count = range.end - range.begin;
  return device.launch<PredictTreesKernel>(
      {chunk_count_of(count, PredictTreesKernel::kThreads), 1, 0},
      {args.bins, args.forest, args.rows, args.scores + range.begin * problem.output_count, count,
       problem.tree_begin, problem.tree_end, problem.leaf_width, problem.output_count});
}

// A table in the host's memory comes piece by piece, the rows in their order.
Status stream_rows(const kernels::OpContext& context, const PredictTreesProblem& problem,
                   const PredictTreesArgs& args) {
  CudaDevice& device = device_of(context);
  const int64_t free_bytes = device.free_bytes();
  const int64_t rows = RowStream::piece_rows(problem.feature_count, free_bytes, problem.row_count);
  ASSAY_ASSIGN_OR_RETURN(
      const auto stream,
      RowStream::make(device, args.bins, {args.rows, problem.row_count}, rows, context.executor));
  return stream->each([&](const kernels::BinnedView& piece, ChunkRange range) -> Status {
    if (context.stop != nullptr && context.stop->requested()) {
      return fail(StatusCode::kCancelled, "predict_trees was stopped");
    }
    PredictTreesArgs own = args;
    own.bins = piece;
    own.rows = nullptr;
    return launch(device, problem, own, range);
  });
}

Status run(const kernels::OpContext& context, const PredictTreesProblem& problem,
           const PredictTreesArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  if (problem.row_count == 0 || problem.tree_begin >= problem.tree_end) return {};
  if (context.stop != nullptr && context.stop->requested()) {
    return fail(StatusCode::kCancelled, "predict_trees was stopped");
  }
  CudaDevice& device = device_of(context);
  const auto lock = device.use();
  if (args.bins.on_host) {
    ASSAY_RETURN_IF_ERROR(stream_rows(context, problem, args));
  } else {
    ASSAY_RETURN_IF_ERROR(launch(device, problem, args, {0, problem.row_count}));
  }
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
