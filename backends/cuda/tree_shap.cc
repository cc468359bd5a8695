// tree_shap on GPUs: a thread a row (tree_shap_kernel.h). What threads keep of their walks takes
// kilobytes a row: rows are taken in rounds that have room, and trees in launches that are short
// enough to be asked between whether to stop.
#include "kernels/tree_shap.h"

#include <algorithm>
#include <optional>
#include <string>

#include "backends/cuda/cuda_kernels.h"
#include "backends/cuda/device.h"
#include "backends/cuda/row_stream.h"
#include "kernels/device_array.h"

namespace assay::backends::cuda {
namespace {

using kernels::TreeShapArgs;
using kernels::TreeShapProblem;

constexpr int64_t kMostScratchBytes = int64_t{1} << 30;
// So that a round has some thousand rows at least, if the GPU has the memory.
constexpr int64_t kMostRowBytes = int64_t{256} << 10;
// Nodes times points that the threads of a launch go through at most: some tenths of a second on a
// large GPU.
constexpr double kLaunchWork = 2e10;

int64_t doubles_of(const TreeShapProblem& p) {
  return TreeShapKernel::doubles_of(int64_t{p.output_count} * p.feature_count, p.most_depth,
                                    p.leaf_width);
}

int64_t row_bytes_of(const TreeShapProblem& p) {
  return doubles_of(p) * int64_t{sizeof(double)} +
         TreeShapKernel::words_of(p.most_nodes) * int64_t{sizeof(uint32_t)};
}

// Rows of a round: a multiple of a block's. The outcome does not depend on it.
int64_t round_rows_of(const TreeShapProblem& p, int64_t free_bytes) {
  const int64_t room = std::min(free_bytes / 2, kMostScratchBytes);
  const int64_t blocks = room / (row_bytes_of(p) * TreeShapKernel::kThreads);
  return TreeShapKernel::kThreads *
         std::clamp<int64_t>(blocks, 1, chunk_count_of(p.row_count, TreeShapKernel::kThreads));
}

// Trees of a launch.
int64_t launch_trees_of(const TreeShapProblem& p, int64_t round_rows) {
  const double all = static_cast<double>(round_rows) * static_cast<double>(p.work);
  const double share = kLaunchWork / std::max(all, 1.0);
  const auto trees = static_cast<int64_t>(std::min(share, 1.0) * static_cast<double>(p.tree_count));
  return std::clamp<int64_t>(trees, 1, p.tree_count);
}

// What the rows of a round have in common.
struct Round {
  const TreeShapProblem* problem;
  const TreeShapArgs* args;
  int64_t stride;  // its most rows
  int64_t trees;   // of a launch
  double* numbers;
  uint32_t* words;
};

// Where the rows of a round are.
struct RoundRows {
  kernels::BinnedView bins;
  const uint32_t* rows;  // or null: from first_row on
  int64_t first_row;
};

// Rows `range` of the problem.
Status explain(const kernels::OpContext& context, const Round& round, const RoundRows& at,
               ChunkRange range) {
  CudaDevice& device = device_of(context);
  const TreeShapProblem& problem = *round.problem;
  TreeShapKernel::Params params{};
  params.bins = at.bins;
  params.forest = round.args->forest;
  params.shap = round.args->shap;
  params.rows = at.rows;
  params.first_row = at.first_row;
  params.out = round.args->out + range.begin * problem.output_count * problem.feature_count;
  params.numbers = round.numbers;
  params.words = round.words;
  params.stride = round.stride;
  params.row_count = range.end - range.begin;
  params.feature_count = problem.feature_count;
  params.leaf_width = problem.leaf_width;
  params.output_count = problem.output_count;
  params.most_depth = problem.most_depth;
  for (int64_t tree = 0; tree < problem.tree_count; tree += round.trees) {
    if (context.stop != nullptr && context.stop->requested()) {
      return fail(StatusCode::kCancelled, "tree_shap was stopped");
    }
    params.tree_begin = tree;
    params.tree_end = std::min(tree + round.trees, problem.tree_count);
    ASSAY_RETURN_IF_ERROR(device.launch<TreeShapKernel>(
        {chunk_count_of(params.row_count, TreeShapKernel::kThreads), 1, 0}, params));
    ASSAY_RETURN_IF_ERROR(device.finish());
  }
  return {};
}

Status run(const kernels::OpContext& context, const TreeShapProblem& problem,
           const TreeShapArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  if (problem.row_count == 0 || problem.tree_count == 0 || problem.feature_count == 0) return {};
  CudaDevice& device = device_of(context);
  const auto lock = device.use();
  Round round{&problem, &args, round_rows_of(problem, device.free_bytes()), 0, nullptr, nullptr};
  round.trees = launch_trees_of(problem, round.stride);
  ASSAY_ASSIGN_OR_RETURN(
      auto numbers, kernels::DeviceArray<double>::make(device, doubles_of(problem) * round.stride));
  ASSAY_ASSIGN_OR_RETURN(auto words,
                         kernels::DeviceArray<uint32_t>::make(
                             device, TreeShapKernel::words_of(problem.most_nodes) * round.stride));
  round.numbers = numbers.on_device();
  round.words = words.on_device();
  if (args.bins.on_host) {
    const int64_t rows =
        RowStream::piece_rows(problem.feature_count, device.free_bytes(), round.stride);
    ASSAY_ASSIGN_OR_RETURN(
        const auto stream,
        RowStream::make(device, args.bins, {args.rows, problem.row_count}, rows, context.executor));
    return stream->each([&](const kernels::BinnedView& piece, ChunkRange range) {
      return explain(context, round, {piece, nullptr, 0}, range);
    });
  }
  for (int64_t i = 0; i < chunk_count_of(problem.row_count, round.stride); ++i) {
    const ChunkRange range = chunk_range(problem.row_count, round.stride, i);
    const uint32_t* rows = args.rows == nullptr ? nullptr : args.rows + range.begin;
    ASSAY_RETURN_IF_ERROR(explain(context, round, {args.bins, rows, range.begin}, range));
  }
  return {};
}

std::optional<std::string> decline(const kernels::DeviceInfo&, const TreeShapProblem& problem) {
  const int64_t bytes = row_bytes_of(problem);
  if (bytes <= kMostRowBytes) return std::nullopt;
  return fmt::format("a row takes {} bytes of scratch memory (at most {})", bytes, kMostRowBytes);
}

double cost(const kernels::DeviceInfo&, const TreeShapProblem& problem) {
  // A thread alone takes some 50 ns for a node and a point.
  const auto work = static_cast<double>(problem.work);
  return 20'000 + work * (50 + 0.01 * static_cast<double>(problem.row_count));
}

}  // namespace

void register_tree_shap(kernels::KernelSet& kernels) {
  kernels.table<kernels::TreeShap>().add({"cuda.row", "cuda", decline, cost, run});
}

}  // namespace assay::backends::cuda
