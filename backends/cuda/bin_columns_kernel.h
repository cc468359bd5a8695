// The kernel of bin_columns. A block bins a tile of rows of one block of features: values are read
// down the columns, side by side for rows, and bins are written row by row from shared memory.
#pragma once

#include "backends/cuda/block.h"
#include "kernels/binned_view.h"

namespace assay::backends::cuda {

// ColumnSource (kernels/bin_columns.h), all on the GPU.
struct BinnedColumn {
  const double* numbers;  // null: categorical, or without values
  const double* edges;
  const int32_t* codes;  // null: numeric, or without values
  const uint8_t* code_to_bin;
  int32_t edge_count;
  int32_t code_count;
};

ASSAY_DEVICE inline uint8_t bin_of(const BinnedColumn& column, int64_t row) {
  if (column.numbers == nullptr) {
    if (column.codes == nullptr) return kernels::kMissingBin;
    const int32_t code = column.codes[row];
    const bool known = code >= 0 && code < column.code_count;
    return known ? column.code_to_bin[code] : kernels::kUnseenBin;
  }
  const double x = column.numbers[row];
  if (x != x) return kernels::kMissingBin;
  // The number of edges below x.
  int32_t low = 0;
  int32_t high = column.edge_count;
  while (low < high) {
    const int32_t middle = (low + high) / 2;
    if (column.edges[middle] < x) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return static_cast<uint8_t>(1 + low);
}

struct BinColumnsKernel {
  static constexpr int32_t kThreads = 128;
  static constexpr int32_t kRows = 128;  // of a tile
  static constexpr int32_t kSharedBytes = kRows * kernels::kBlockWidth;

  // Grid: x tiles of rows, y blocks of features.
  struct Params {
    const BinnedColumn* columns;  // [feature_count]
    uint8_t* bins;
    int64_t row_count;
    int32_t feature_count;
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    const int64_t first_row = block.x() * kRows;
    const auto first_feature = static_cast<int32_t>(block.y()) * kernels::kBlockWidth;
    const int32_t features_left = params.feature_count - first_feature;
    const int32_t width =
        features_left < kernels::kBlockWidth ? features_left : kernels::kBlockWidth;
    const int64_t rows_left = params.row_count - first_row;
    const int32_t rows = static_cast<int32_t>(rows_left < kRows ? rows_left : kRows);
    auto* tile = block.template shared<uint8_t>();
    block.each([&](int32_t thread) {
      if (thread >= rows) return;
      for (int32_t f = 0; f < width; ++f) {
        tile[thread * width + f] = bin_of(params.columns[first_feature + f], first_row + thread);
      }
    });
    uint8_t* target = params.bins + int64_t{first_feature} * params.row_count + first_row * width;
    block.each([&](int32_t thread) {
      for (int32_t i = thread; i < rows * width; i += kThreads) target[i] = tile[i];
    });
  }
};

}  // namespace assay::backends::cuda
