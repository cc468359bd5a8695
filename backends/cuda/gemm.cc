// gemm on GPUs: cuBLAS in f32, or in tf32 if that is asked for. Row-major C = op(A) op(B) is
// column-major C^T = op(B)^T op(A)^T, and a row-major matrix read column-major is its transpose:
// the operands change places, nothing else.
#include "kernels/gemm.h"

#include <algorithm>
#include <climits>
#include <optional>
#include <string>

#include "backends/cuda/cuda_kernels.h"
#include "backends/cuda/device.h"

namespace assay::backends::cuda {
namespace {

using kernels::GemmArgs;
using kernels::GemmProblem;

Status run(const kernels::OpContext& context, const GemmProblem& problem, const GemmArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem));
  if (problem.m == 0 || problem.n == 0) return {};
  if (context.stop != nullptr && context.stop->requested()) {
    return fail(StatusCode::kCancelled, "gemm was stopped");
  }
  CudaDevice& device = device_of(context);
  const auto lock = device.use();
  GemmCall call;
  call.m = problem.n;
  call.n = problem.m;
  call.k = problem.k;
  call.transpose_a = problem.transpose_b;
  call.transpose_b = problem.transpose_a;
  call.tf32 = problem.tf32;
  call.alpha = problem.alpha;
  call.beta = problem.beta;
  call.a = args.b;
  call.a_stride = std::max<int64_t>(1, problem.transpose_b ? problem.k : problem.n);
  call.b = args.a;
  call.b_stride = std::max<int64_t>(1, problem.transpose_a ? problem.m : problem.k);
  call.c = args.c;
  call.c_stride = problem.n;
  ASSAY_RETURN_IF_ERROR(device.gemm(call));
  return device.finish();
}

std::optional<std::string> decline(const kernels::DeviceInfo&, const GemmProblem& problem) {
  if (problem.in_order) return "cuBLAS adds in an order of its own";
  const int64_t greatest = std::max({problem.m, problem.n, problem.k});
  if (greatest <= INT_MAX) return std::nullopt;
  return fmt::format("a side of {} is more than cuBLAS takes ({})", greatest, INT_MAX);
}

double cost(const kernels::DeviceInfo&, const GemmProblem& problem) {
  return 20'000 + 1e-4 * static_cast<double>(problem.m) * static_cast<double>(problem.n) *
                      static_cast<double>(problem.k);
}

}  // namespace

void register_gemm(kernels::KernelSet& kernels) {
  kernels.table<kernels::Gemm>().add({"cuda.cublas", "cuda", decline, cost, run});
}

}  // namespace assay::backends::cuda
