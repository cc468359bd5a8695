// The product of one tile by Eigen, on the calling thread. Included by one .cc file for each
// instruction set, which first renames Eigen's namespace: so no two of them share a template
// instance, and the linker cannot put AVX-512 code where the baseline is called.
// Eigen chooses its blocks from the cache sizes, and with them the order of sums: they are
// constants here, so bits do not depend on the machine's caches.
#ifndef ASSAY_GEMM_FUNCTION
#error "define Eigen (a name of its own) and ASSAY_GEMM_FUNCTION first"
#endif
#define EIGEN_DONT_PARALLELIZE
#define EIGEN_MPL2_ONLY

#include <Eigen/Core>

#include "backends/cpu/gemm_internal.h"

namespace assay::backends::cpu {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Source = Eigen::Map<const Matrix, 0, Eigen::OuterStride<>>;
using Target = Eigen::Map<Matrix, 0, Eigen::OuterStride<>>;
using Vector = Eigen::Matrix<float, Eigen::Dynamic, 1>;

template <class C, class A, class B>
void add_product(C& c, const GemmTile& tile, const A& a, const B& b) {
  if (tile.beta == 0) {
    c.setZero();
  } else if (tile.beta != 1) {
    c *= tile.beta;
  }
  c.noalias() += tile.alpha * (a * b);
}

bool set_cache_sizes() {
  Eigen::setCpuCacheSizes(32 << 10, 512 << 10, 2 << 20);
  return true;
}

}  // namespace

void ASSAY_GEMM_FUNCTION(const GemmTile& tile) {
  [[maybe_unused]] static const bool sizes_are_set = set_cache_sizes();
  const Source a(tile.a, tile.transpose_a ? tile.k : tile.m, tile.transpose_a ? tile.m : tile.k,
                 Eigen::OuterStride<>(tile.a_stride));
  if (tile.n == 1) {
    const Eigen::Map<const Vector> x(tile.b, tile.k);
    Eigen::Map<Vector> y(tile.c, tile.m);
    if (tile.transpose_a) return add_product(y, tile, a.transpose(), x);
    return add_product(y, tile, a, x);
  }
  const Source b(tile.b, tile.transpose_b ? tile.n : tile.k, tile.transpose_b ? tile.k : tile.n,
                 Eigen::OuterStride<>(tile.b_stride));
  Target c(tile.c, tile.m, tile.n, Eigen::OuterStride<>(tile.c_stride));
  if (tile.transpose_a && tile.transpose_b) {
    return add_product(c, tile, a.transpose(), b.transpose());
  }
  if (tile.transpose_a) return add_product(c, tile, a.transpose(), b);
  if (tile.transpose_b) return add_product(c, tile, a, b.transpose());
  return add_product(c, tile, a, b);
}

}  // namespace assay::backends::cpu
