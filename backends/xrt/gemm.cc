// gemm on an XRT card.
#include "kernels/gemm.h"

#include <optional>
#include <string>

#include "backends/xrt/operand.h"
#include "backends/xrt/xrt_kernels.h"

namespace assay::backends::xrt {
namespace {

using kernels::GemmArgs;
using kernels::GemmProblem;

constexpr int32_t kResult = 2;  // the kernel's argument

Status run(const kernels::OpContext& context, const GemmProblem& problem, const GemmArgs& args) {
  using Arg = Batch::Arg;
  ASSAY_RETURN_IF_ERROR(check_problem(problem));
  if (problem.m == 0 || problem.n == 0) return {};
  auto& device = static_cast<XrtDevice&>(*context.device);
  const auto place = [&](const float* array, int64_t size) {
    return Operand::make(device, array, size * static_cast<int64_t>(sizeof(float)));
  };
  ASSAY_ASSIGN_OR_RETURN(const Operand a, place(args.a, problem.m * problem.k));
  ASSAY_ASSIGN_OR_RETURN(const Operand b, place(args.b, problem.k * problem.n));
  ASSAY_ASSIGN_OR_RETURN(const Operand c, place(args.c, problem.m * problem.n));
  Batch batch(device, context.stop);
  if (problem.beta != 0) batch.send(CardKernel::kGemm, kResult, c.address(), 0, c.bytes());
  batch.start(
      CardKernel::kGemm, 0,
      {Arg::in(a.address()), Arg::in(b.address()), Arg::as_is(c.address()), Arg::of(problem.m),
       Arg::of(problem.n), Arg::of(problem.k), Arg::of(problem.transpose_a ? 1 : 0),
       Arg::of(problem.transpose_b ? 1 : 0), Arg::of(problem.alpha), Arg::of(problem.beta)});
  batch.wait(0);
  batch.fetch(CardKernel::kGemm, kResult, c.address(), 0, c.bytes());
  ASSAY_RETURN_IF_ERROR(batch.run());
  return c.copy_back();
}

std::optional<std::string> decline(const kernels::DeviceInfo&, const GemmProblem& problem) {
  if (problem.in_order) return "the array of multipliers adds in an order of its own";
  return std::nullopt;
}

double cost(const kernels::DeviceInfo&, const GemmProblem& p) {
  const double work =
      static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
  return 1000 + work / 16;
}

}  // namespace

void register_gemm(kernels::KernelSet& kernels) {
  kernels.table<kernels::Gemm>().add({"xrt.systolic", "fpga", decline, cost, run});
}

}  // namespace assay::backends::xrt
