// In double precision, so that its own error is negligible beside the bound of the op; in_order as
// it says.
#include "kernels/gemm.h"

#include "kernels/reference/reference_ops.h"

namespace assay::kernels::reference {

Status gemm(const OpContext&, const GemmProblem& p, const GemmArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(p));
  for (int64_t i = 0; i < p.m; ++i) {
    for (int64_t j = 0; j < p.n; ++j) {
      double sum = 0;
      float sum_in_order = 0;
      for (int64_t l = 0; l < p.k; ++l) {
        const float a = p.transpose_a ? args.a[l * p.m + i] : args.a[i * p.k + l];
        const float b = p.transpose_b ? args.b[j * p.k + l] : args.b[l * p.n + j];
        sum += double{a} * double{b};
        sum_in_order += a * b;
      }
      float& c = args.c[i * p.n + j];
      const double old = p.beta == 0 ? 0 : double{p.beta} * double{c};
      c = p.in_order ? sum_in_order : static_cast<float>(double{p.alpha} * sum + old);
    }
  }
  return {};
}

}  // namespace assay::kernels::reference
