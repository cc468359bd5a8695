#include "kernels/gemm_narrow.h"

#include <bit>

#include "kernels/reference/reference_ops.h"

namespace assay::kernels::reference {
namespace {

float widened(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

}  // namespace

Status gemm_bf16(const OpContext&, const GemmNarrowProblem& p, const GemmBf16Args& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(p));
  for (int64_t i = 0; i < p.m; ++i) {
    for (int64_t j = 0; j < p.n; ++j) {
      float sum = 0;
      for (int64_t l = 0; l < p.k; ++l) {
        sum += widened(args.a[i * p.k + l]) * widened(args.b[l * p.n + j]);
      }
      args.c[i * p.n + j] = sum;
    }
  }
  return {};
}

Status gemm_int8(const OpContext&, const GemmNarrowProblem& p, const GemmInt8Args& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(p));
  for (int64_t i = 0; i < p.m; ++i) {
    for (int64_t j = 0; j < p.n; ++j) {
      uint32_t sum = 0;  // wraps
      for (int64_t l = 0; l < p.k; ++l) {
        sum += static_cast<uint32_t>(int32_t{args.a[i * p.k + l]} * int32_t{args.b[l * p.n + j]});
      }
      args.c[i * p.n + j] = static_cast<int32_t>(sum);
    }
  }
  return {};
}

}  // namespace assay::kernels::reference
