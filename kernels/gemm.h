// Op gemm: C = alpha * op(A) * op(B) + beta * C, single precision, row-major.
// op(A) is [m, k], op(B) is [k, n], C is [m, n]. With beta 0, C is not read. C aliases nothing.
// Accumulates in f32 (blocked); error of an element at most about k * 2^-23 * sum |a||b|.
// Same bits on any number of threads; SIMD targets and devices agree within the bound.
// With `in_order` (alpha 1, beta 0) every machine and device has the same bits, and an element does
// not depend on the others: products are rounded to f32 and added in f32 in ascending order of k,
// from 0, each sum rounded once.
// With `tf32`, and only then, a device may cut the numbers of A and B to 11 significant bits before
// it multiplies them, which the tensor cores of GPUs from sm_80 on do: error of an element at most
// about (k * 2^-23 + 2^-9) * sum |a||b|.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/op_table.h"

namespace assay::kernels {

struct GemmProblem {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  bool transpose_a = false;  // A is stored [k, m]
  bool transpose_b = false;  // B is stored [n, k]
  float alpha = 1;
  float beta = 0;
  bool in_order = false;  // equal bits before speed
  bool tf32 = false;      // speed before precision
};

struct GemmArgs {
  const float* a = nullptr;
  const float* b = nullptr;
  float* c = nullptr;
};

// Fails: invalid_argument for negative sizes, or in_order with another alpha or beta, or with tf32;
// cancelled.
struct Gemm {
  static constexpr std::string_view kName = "gemm";
  using Problem = GemmProblem;
  using Args = GemmArgs;
};

// The range checks that every implementation starts with.
Status check_problem(const GemmProblem& problem);

}  // namespace assay::kernels
