// linear_scores and linear_gradient on GPUs (linear_kernels.h). Sums of chunks take memory: chunks
// are taken in rounds that have room, each added to the sums before.
#include "kernels/linear.h"

#include <algorithm>
#include <optional>
#include <string>

#include "backends/cuda/cuda_kernels.h"
#include "backends/cuda/device.h"
#include "kernels/device_array.h"

namespace assay::backends::cuda {
namespace {

using kernels::DeviceArray;
using kernels::LinearGradientArgs;
using kernels::LinearProblem;
using kernels::LinearScoresArgs;

static_assert(LinearGradientKernel::kChunkRows == kernels::kLinearChunkRows);

constexpr int64_t kMostPartialBytes = int64_t{64} << 20;
constexpr int64_t kMostOutputTiles = 65535;

Status check_stop(const kernels::OpContext& context, std::string_view op) {
  if (context.stop == nullptr || !context.stop->requested()) return {};
  return fail(StatusCode::kCancelled, "{} was stopped", op);
}

Status run_linear_scores(const kernels::OpContext& context, const LinearProblem& problem,
                         const LinearScoresArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  if (problem.sample_count == 0) return {};
  ASSAY_RETURN_IF_ERROR(check_stop(context, kernels::LinearScores::kName));
  CudaDevice& device = device_of(context);
  const auto lock = device.use();
  using Kernel = LinearScoresKernel;
  ASSAY_RETURN_IF_ERROR(device.launch<Kernel>(
      {chunk_count_of(problem.sample_count, Kernel::kThreads),
       chunk_count_of(problem.output_count, Kernel::kOutputs), Kernel::kSharedBytes},
      {args.features, args.rows, args.parameters, args.scores, problem.sample_count,
       problem.column_count, problem.output_count}));
  return device.finish();
}

// Chunks of a round. The outcome does not depend on it.
int64_t round_chunks_of(const CudaDevice& device, int64_t chunks, int64_t chunk_bytes) {
  const int64_t free_bytes = device.free_bytes();
  const int64_t room = std::min(free_bytes / 4, kMostPartialBytes);
  return std::clamp<int64_t>(room / chunk_bytes, 1, chunks);
}

Status run_linear_gradient(const kernels::OpContext& context, const LinearProblem& problem,
                           const LinearGradientArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  const int64_t cells = (int64_t{problem.column_count} + 1) * problem.output_count;
  const int64_t bytes = cells * int64_t{sizeof(double)};
  std::fill_n(args.sums, cells, 0.0);
  const int64_t chunks = chunk_count_of(problem.sample_count, kernels::kLinearChunkRows);
  if (chunks == 0) return {};
  CudaDevice& device = device_of(context);
  const auto lock = device.use();
  const int64_t together = round_chunks_of(device, chunks, bytes);
  ASSAY_ASSIGN_OR_RETURN(auto partials, DeviceArray<double>::make(device, together * cells));
  ASSAY_ASSIGN_OR_RETURN(auto sums, DeviceArray<double>::make(device, cells));
  ASSAY_RETURN_IF_ERROR(device.fill(sums.on_device(), 0, bytes));
  using Kernel = LinearGradientKernel;
  Kernel::Params params{};
  params.features = args.features;
  params.rows = args.rows;
  params.gradients = args.gradients;
  params.partials = partials.on_device();
  params.row_count = problem.row_count;
  params.sample_count = problem.sample_count;
  params.column_count = problem.column_count;
  params.column_tiles =
      static_cast<int32_t>(chunk_count_of(int64_t{problem.column_count} + 1, Kernel::kThreads));
  params.output_count = problem.output_count;
  for (int64_t first = 0; first < chunks; first += together) {
    ASSAY_RETURN_IF_ERROR(check_stop(context, kernels::LinearGradient::kName));
    const int64_t count = std::min(together, chunks - first);
    params.first_chunk = first;
    ASSAY_RETURN_IF_ERROR(device.launch<Kernel>(
        {count * params.column_tiles, chunk_count_of(problem.output_count, Kernel::kOutputs),
         Kernel::kSharedBytes},
        params));
    ASSAY_RETURN_IF_ERROR(
        device.launch<LinearJoinKernel>({chunk_count_of(cells, LinearJoinKernel::kThreads), 1, 0},
                                        {partials.on_device(), sums.on_device(), count, cells}));
  }
  return device.download(std::as_writable_bytes(std::span(args.sums, static_cast<size_t>(cells))),
                         sums.on_device(), bytes);
}

std::optional<std::string> decline_linear(const kernels::DeviceInfo&,
                                          const LinearProblem& problem) {
  const int64_t most = kMostOutputTiles * LinearScoresKernel::kOutputs;
  if (problem.output_count <= most) return std::nullopt;
  return fmt::format("{} outputs (at most {})", problem.output_count, most);
}

double linear_cost(const kernels::DeviceInfo&, const LinearProblem& problem) {
  return 20'000 + 0.002 * static_cast<double>(problem.sample_count) *
                      (static_cast<double>(problem.column_count) + 1) *
                      static_cast<double>(problem.output_count);
}

}  // namespace

void register_linear(kernels::KernelSet& kernels) {
  kernels.table<kernels::LinearScores>().add(
      {"cuda.row", "cuda", decline_linear, linear_cost, run_linear_scores});
  kernels.table<kernels::LinearGradient>().add(
      {"cuda.column", "cuda", decline_linear, linear_cost, run_linear_gradient});
}

}  // namespace assay::backends::cuda
