// Ops gemm_bf16 and gemm_int8: C = A * B of narrow numbers, for inference. A is [m, k], B is [k,
// n], C is [m, n], all row-major; k 0 gives zeros. C aliases nothing. Every device has the same
// bits:
//   gemm_bf16  A and B are bfloat16 (the high halves of f32), C is f32. A product has at most 16
//              significant bits and is exact; products are added in f32 in ascending order of k,
//              from 0, each sum rounded once. Error of an element at most about
//              k * 2^-24 * sum |a||b|. What is no number may have any payload, and a device that
//              takes subnormal numbers for 0 may do so.
//              With `any_order`, sums may be made in any order and their parts be cut off instead
//              of rounded, as on tensor cores: bits then are those of a device and its
//              implementation, and the error is at most about k * 2^-22 * sum |a||b|.
//   gemm_int8  A and B are int8, C is int32: exact modulo 2^32.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/op_table.h"

namespace assay::kernels {

struct GemmNarrowProblem {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  bool any_order = false;  // of gemm_bf16: speed before equal bits
};

struct GemmBf16Args {
  const uint16_t* a = nullptr;
  const uint16_t* b = nullptr;
  float* c = nullptr;
};

struct GemmInt8Args {
  const int8_t* a = nullptr;
  const int8_t* b = nullptr;
  int32_t* c = nullptr;
};

// Both fail: invalid_argument for negative sizes; resource_exhausted; cancelled.
struct GemmBf16 {
  static constexpr std::string_view kName = "gemm_bf16";
  using Problem = GemmNarrowProblem;
  using Args = GemmBf16Args;
};
struct GemmInt8 {
  static constexpr std::string_view kName = "gemm_int8";
  using Problem = GemmNarrowProblem;
  using Args = GemmInt8Args;
};

// The range checks that every implementation starts with.
Status check_problem(const GemmNarrowProblem& problem);

}  // namespace assay::kernels
