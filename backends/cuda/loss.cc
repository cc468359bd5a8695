#include "kernels/loss.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <string>
#include <vector>

#include "backends/cuda/cuda_kernels.h"
#include "backends/cuda/device.h"
#include "backends/cuda/loss_ranking.h"
#include "kernels/base/fixed_point.h"
#include "kernels/device_array.h"

namespace assay::backends::cuda {
namespace {

using kernels::DeviceArray;
using kernels::Loss;
using kernels::LossGradientsArgs;
using kernels::LossProblem;
using kernels::LossValueArgs;

template <class Args>
LossInputs inputs_of(const LossProblem& problem, const Args& args) {
  return {problem.loss,      problem.output_count, problem.parameter,
          problem.row_count, problem.sample_count, args.rows,
          args.scores,       args.targets,         args.classes,
          args.weights};
}

template <class Args>
std::span<const int64_t> groups_of(const LossProblem& problem, const Args& args) {
  return {args.group_ends, static_cast<size_t>(problem.group_count)};
}

// A launch of a thread a row.
template <class Kernel>
LaunchShape rows_shape(const LossProblem& problem) {
  return {chunk_count_of(problem.sample_count, Kernel::kThreads), 1, Kernel::kSharedBytes};
}

Status launch_gradients(CudaDevice& device, const LossProblem& problem,
                        const LossGradientsArgs& args, uint32_t* maxima) {
  const LossInputs in = inputs_of(problem, args);
  const GradientOutputs out{args.gradients, args.hessians, maxima};
  if (problem.loss != Loss::kLambdaRank) {
    return device.launch<LossGradientsKernel>(rows_shape<LossGradientsKernel>(problem), {in, out});
  }
  ASSAY_ASSIGN_OR_RETURN(auto ranked, RankedRows::make(device, in, groups_of(problem, args)));
  return device.launch<RankGradientsKernel>(rows_shape<RankGradientsKernel>(problem),
                                            {in, ranked.view(), out});
}

Status launch_terms(CudaDevice& device, const LossProblem& problem, const LossValueArgs& args,
                    const LossTerms& out) {
  const LossInputs in = inputs_of(problem, args);
  if (problem.loss != Loss::kLambdaRank) {
    return device.launch<LossTermsKernel>(rows_shape<LossTermsKernel>(problem), {in, out});
  }
  ASSAY_ASSIGN_OR_RETURN(auto ranked, RankedRows::make(device, in, groups_of(problem, args)));
  return device.launch<RankTermsKernel>(rows_shape<RankTermsKernel>(problem),
                                        {in, ranked.view(), out});
}

bool stopped(const kernels::OpContext& context) {
  return context.stop != nullptr && context.stop->requested();
}

Status run_gradients(const kernels::OpContext& context, const LossProblem& problem,
                     const LossGradientsArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem));
  std::fill_n(args.max_abs_gradients, problem.output_count, 0.0f);
  std::fill_n(args.max_hessians, problem.output_count, 0.0f);
  if (problem.sample_count == 0) return {};
  if (stopped(context)) return fail(StatusCode::kCancelled, "loss_gradients was stopped");
  CudaDevice& device = device_of(context);
  const auto lock = device.use();
  const auto outputs = static_cast<size_t>(problem.output_count);
  std::vector<float> maxima(2 * outputs);
  const auto bytes = static_cast<int64_t>(maxima.size() * sizeof(float));
  ASSAY_ASSIGN_OR_RETURN(auto there,
                         DeviceArray<uint32_t>::make(device, static_cast<int64_t>(maxima.size())));
  ASSAY_RETURN_IF_ERROR(device.fill(there.on_device(), 0, bytes));
  ASSAY_RETURN_IF_ERROR(launch_gradients(device, problem, args, there.on_device()));
  ASSAY_RETURN_IF_ERROR(
      device.download(std::as_writable_bytes(std::span(maxima)), there.on_device(), bytes));
  std::copy_n(maxima.begin(), outputs, args.max_abs_gradients);
  std::copy_n(maxima.begin() + problem.output_count, outputs, args.max_hessians);
  return {};
}

// Two numbers of the GPU, 8 bytes each.
template <class T>
Status fetch_pair(CudaDevice& device, const uint64_t* source, T (&pair)[2]) {
  static_assert(sizeof(T) == sizeof(uint64_t));
  return device.download(std::as_writable_bytes(std::span(pair)), source, sizeof(pair));
}

Status run_value(const kernels::OpContext& context, const LossProblem& problem,
                 const LossValueArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem));
  *args.value = 0;
  const int64_t n = problem.sample_count;
  if (n == 0) return {};
  if (stopped(context)) return fail(StatusCode::kCancelled, "loss_value was stopped");
  CudaDevice& device = device_of(context);
  const auto lock = device.use();
  ASSAY_ASSIGN_OR_RETURN(auto terms, DeviceArray<double>::make(device, n));
  ASSAY_ASSIGN_OR_RETURN(auto weights, DeviceArray<double>::make(device, n));
  ASSAY_ASSIGN_OR_RETURN(auto pairs, DeviceArray<uint64_t>::make(device, 4));
  uint64_t* maxima_there = pairs.on_device();
  uint64_t* sums_there = pairs.on_device() + 2;
  ASSAY_RETURN_IF_ERROR(device.fill(pairs.on_device(), 0, 4 * sizeof(uint64_t)));
  ASSAY_RETURN_IF_ERROR(
      launch_terms(device, problem, args, {terms.on_device(), weights.on_device(), maxima_there}));
  double maxima[2];
  ASSAY_RETURN_IF_ERROR(fetch_pair(device, maxima_there, maxima));
  const auto fixed = FixedPoint::for_sum(maxima[0], n);
  const auto weight_fixed = FixedPoint::for_sum(maxima[1], n);
  ASSAY_RETURN_IF_ERROR(device.launch<LossSumKernel>(
      rows_shape<LossSumKernel>(problem),
      {terms.on_device(), weights.on_device(), n, PowerOfTwo::of(fixed.exponent()),
       PowerOfTwo::of(weight_fixed.exponent()), sums_there}));
  int64_t sums[2];
  ASSAY_RETURN_IF_ERROR(fetch_pair(device, sums_there, sums));
  const double weight_sum = weight_fixed.decode(sums[1]);
  *args.value = weight_sum > 0 ? fixed.decode(sums[0]) / weight_sum : 0;
  return {};
}

std::optional<std::string> decline_groups(const kernels::DeviceInfo&, const LossProblem& problem) {
  if (problem.loss == Loss::kLambdaRank) return "rows of groups are not alone";
  return std::nullopt;
}

std::optional<std::string> decline_rows(const kernels::DeviceInfo&, const LossProblem& problem) {
  if (problem.loss == Loss::kLambdaRank) return std::nullopt;
  return "only for losses of groups";
}

double row_cost(const kernels::DeviceInfo&, const LossProblem& problem) {
  return 50'000 + 0.1 * static_cast<double>(problem.sample_count) *
                      static_cast<double>(problem.output_count);
}

// Groups of like sizes.
double pair_cost(const kernels::DeviceInfo&, const LossProblem& problem) {
  const auto rows = static_cast<double>(problem.sample_count);
  return 100'000 +
         0.1 * rows * rows / static_cast<double>(std::max<int64_t>(1, problem.group_count));
}

}  // namespace

void register_loss(kernels::KernelSet& kernels) {
  auto& gradients = kernels.table<kernels::LossGradients>();
  gradients.add({"cuda.row", "cuda", decline_groups, row_cost, run_gradients});
  gradients.add({"cuda.pairs", "cuda", decline_rows, pair_cost, run_gradients});
  auto& values = kernels.table<kernels::LossValue>();
  values.add({"cuda.row", "cuda", decline_groups, row_cost, run_value});
  values.add({"cuda.pairs", "cuda", decline_rows, pair_cost, run_value});
}

}  // namespace assay::backends::cuda
