// The greatest singular values of a sparse matrix and their right vectors, by randomised subspace
// iteration (Halko, Martinsson, Tropp, "Finding structure with randomness", 2011):
//
//     Z: random [columns, l], l = rank + 8;  twice: Z <- orthonormal, Z <- A' (A Z)
//     Z <- orthonormal;  (A Z)' (A Z) = W diag(s^2) W';  vectors = Z W
//
// Sums run in an order fixed by the matrix, so the bits do not depend on threads. Costs about
// 6 * non-zeros * l multiplications. Thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/base/status.h"
#include "kernels/kernel_set.h"

namespace assay::automl {

// Row r has values[offsets[r] .. offsets[r + 1]) in columns of the same places, ascending.
struct SparseRows {
  int32_t column_count = 0;
  std::vector<int64_t> offsets = {0};
  std::vector<int32_t> columns;
  std::vector<float> values;

  int64_t row_count() const { return static_cast<int64_t>(offsets.size()) - 1; }
};

struct TruncatedSvd {
  std::vector<double> values;  // descending, at most `rank`; those that are nothing are left out
  // [column_count, values.size()] row-major: orthonormal columns, each with the sign that makes its
  // greatest entry positive (the first of equals).
  std::vector<float> vectors;
};

// `rank` >= 1. Fails: cancelled; resource_exhausted.
Result<TruncatedSvd> truncated_svd(const SparseRows& matrix, int32_t rank, uint64_t seed,
                                   const kernels::ComputeContext& context);

// Memory that it takes beside the matrix, at its peak.
int64_t svd_bytes(int64_t rows, int64_t columns, int64_t nonzeros, int32_t rank);

}  // namespace assay::automl
