// gemm_bf16 and gemm_int8 on an XRT card.
#include "kernels/gemm_narrow.h"

#include <optional>
#include <string>

#include "backends/xrt/operand.h"
#include "backends/xrt/xrt_kernels.h"

namespace assay::backends::xrt {
namespace {

using kernels::GemmNarrowProblem;

constexpr int32_t kResult = 2;  // the kernel's argument

template <class Args>
Status run(const kernels::OpContext& context, const GemmNarrowProblem& problem, const Args& args) {
  using Arg = Batch::Arg;
  ASSAY_RETURN_IF_ERROR(check_problem(problem));
  if (problem.m == 0 || problem.n == 0) return {};
  const CardKernel kernel =
      std::is_same_v<Args, kernels::GemmBf16Args> ? CardKernel::kGemmBf16 : CardKernel::kGemmInt8;
  auto& device = static_cast<XrtDevice&>(*context.device);
  const auto place = [&](const auto* array, int64_t size) {
    return Operand::make(device, array, size * static_cast<int64_t>(sizeof(*array)));
  };
  ASSAY_ASSIGN_OR_RETURN(const Operand a, place(args.a, problem.m * problem.k));
  ASSAY_ASSIGN_OR_RETURN(const Operand b, place(args.b, problem.k * problem.n));
  ASSAY_ASSIGN_OR_RETURN(const Operand c, place(args.c, problem.m * problem.n));
  Batch batch(device, context.stop);
  batch.start(kernel, 0,
              {Arg::in(a.address()), Arg::in(b.address()), Arg::as_is(c.address()),
               Arg::of(problem.m), Arg::of(problem.n), Arg::of(problem.k)});
  batch.wait(0);
  batch.fetch(kernel, kResult, c.address(), 0, c.bytes());
  ASSAY_RETURN_IF_ERROR(batch.run());
  return c.copy_back();
}

std::optional<std::string> decline(const kernels::DeviceInfo&, const GemmNarrowProblem&) {
  return {};
}

double cost(const kernels::DeviceInfo&, const GemmNarrowProblem& p) {
  const double work =
      static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
  return 1000 + work / 16;
}

}  // namespace

void register_gemm_narrow(kernels::KernelSet& kernels) {
  kernels.table<kernels::GemmBf16>().add(
      {"xrt.systolic", "fpga", decline, cost, run<kernels::GemmBf16Args>});
  kernels.table<kernels::GemmInt8>().add(
      {"xrt.systolic", "fpga", decline, cost, run<kernels::GemmInt8Args>});
}

}  // namespace assay::backends::xrt
