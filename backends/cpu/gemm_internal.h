// What gemm.cc and the code that is compiled once for each instruction set share.
#pragma once

#include <cstdint>

namespace assay::backends::cpu {

// C = alpha * op(A) * op(B) + beta * C for a part of the matrices: addresses of the part's first
// elements and strides between stored rows. n 1 is a matrix times a vector; then B and C are
// contiguous. With beta 0, C is not read.
struct GemmTile {
  const float* a = nullptr;
  const float* b = nullptr;
  float* c = nullptr;
  int64_t a_stride = 0;
  int64_t b_stride = 0;
  int64_t c_stride = 0;
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  bool transpose_a = false;
  bool transpose_b = false;
  float alpha = 1;
  float beta = 0;
};

// The same source for three instruction sets: gemm_baseline.cc, gemm_avx2.cc, gemm_avx512.cc.
// The processor must have the instructions. May throw std::bad_alloc.
void multiply_baseline(const GemmTile& tile);
void multiply_avx2(const GemmTile& tile);
void multiply_avx512(const GemmTile& tile);

}  // namespace assay::backends::cpu
