// Gradient-based one-side sampling (Ke et al., "LightGBM: A Highly Efficient Gradient Boosting
// Decision Tree", 2017): the rows with the largest gradients are kept, some of the others are drawn
// and count for all of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace assay::automl {

// Memory that a draw takes for each row.
inline constexpr int64_t kGossRowBytes = 16;

struct GossSample {
  std::vector<uint32_t> rows;   // all chosen, ascending
  std::vector<uint32_t> drawn;  // those of them whose gradients are to be multiplied by `factor`
  double factor = 1;            // (1 - top) / other
};

// `rows` ascending, sizes [rows.size()] >= 0. Keeps round(top * n) rows of the largest sizes, equal
// ones by lowest row; each other row with probability other / (1 - top), by a draw of its own that
// depends on the seed and the row alone. top, other > 0, top + other <= 1. O(n).
GossSample draw_goss(std::span<const uint32_t> rows, std::span<const float> sizes, double top,
                     double other, uint64_t seed);

}  // namespace assay::automl
