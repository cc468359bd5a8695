// A block of rows through packed trees: trees of few leaves by the sweep, 64 rows at a time
// (predict_trees_sweep_simd.h), others by the vector walk, a row in each lane.
#pragma once

#include <cstdint>

#include "backends/cpu/predict_trees_pack.h"

namespace assay::backends::cpu {

// Rows of a block are padded to a multiple of this.
inline constexpr int32_t kWalkRows = 64;

// A block of rows.
struct WalkBlock {
  // [row_count, stride] row-major: the bins, then 255. Three bytes more can be read behind it.
  // For trees that do not sweep; null if there are none.
  const uint8_t* tile = nullptr;
  int32_t stride = 0;  // features + 1
  // [features + 1, row_count]: the same feature by feature, for trees that sweep.
  const uint8_t* planes = nullptr;
  int32_t row_count = 0;
  int32_t* leaves = nullptr;  // [row_count] working memory
  double* sums = nullptr;     // [output_count, row_count]
};

// Adds the leaves of trees [first, last) of `packed` to the block's sums, in order of trees. Tree 0
// of `packed` is tree `tree_begin` of the forest.
struct WalkRange {
  size_t first = 0;
  size_t last = 0;
  int64_t tree_begin = 0;
};
void walk_trees(const PackedTrees& packed, const kernels::ForestView& forest,
                const WalkRange& range, const WalkBlock& block);

}  // namespace assay::backends::cpu
