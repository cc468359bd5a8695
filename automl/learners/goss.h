// Gradient-based one-side sampling (Ke et al., "LightGBM: A Highly Efficient Gradient Boosting
// Decision Tree", 2017): the rows with the largest gradients are kept, some of the others are drawn
// and count for all of them.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "kernels/base/executor.h"

namespace assay::automl {

// Memory that a draw takes for each row, its size and number among it.
inline constexpr int64_t kGossRowBytes = 16;

// top, other > 0, top + other <= 1.
struct GossShares {
  double top = 0.2;    // of the rows, kept
  double other = 0.1;  // of the rows, drawn from those that are not kept
};

// 64 rows as bits; drawn ones are those of the chosen whose gradients are to be multiplied by
// factor().
struct GossWord {
  uint64_t chosen = 0;
  uint64_t drawn = 0;
};

// One draw. Keeps round(top * n) rows of the largest sizes, equal ones by lowest row; each other
// row with probability other / (1 - top), by a draw of its own that depends on the seed and the row
// alone. Refers to `rows` and `sizes`; reading is thread-safe.
class GossDraw {
 public:
  // `rows` ascending, sizes [rows.size()] >= 0. O(n), by counting the digits of the sizes' bits.
  static Result<GossDraw> make(std::span<const uint32_t> rows, std::span<const float> sizes,
                               const GossShares& shares, uint64_t seed, Executor& executor);
  // (1 - top) / other
  double factor() const { return factor_; }
  // Of rows[begin, end), at most 64: bit i stands for rows[begin + i].
  GossWord word(int64_t begin, int64_t end) const;

 private:
  GossDraw(std::span<const uint32_t> rows, std::span<const float> sizes)
      : rows_(rows), sizes_(sizes) {}
  // Finds what the `kept` greatest sizes are.
  Status find_least(int64_t kept, Executor& executor);
  // Where the `ties`-th row of that very size is.
  Status find_tie(int64_t ties, Executor& executor);

  std::span<const uint32_t> rows_;
  std::span<const float> sizes_;
  std::array<uint32_t, 2> key_ = {};
  uint64_t limit_ = 0;  // of 2^32: words of drawn rows are below it
  double factor_ = 1;
  float least_ = 0;     // rows of greater sizes are kept
  size_t tie_end_ = 0;  // and those of this size before this position
};

// One output's gradients and hessians [all rows], and their greatest magnitudes.
struct GossPlane {
  std::span<float> gradients;
  std::span<float> hessians;
  float& max_abs_gradient;
  float& max_hessian;
};

// Multiplies those of the drawn rows by `factor`, and sets the greatest of the chosen rows. Word i
// is of rows[64 * i] and on.
Status grow_drawn(std::span<const uint32_t> rows, std::span<const GossWord> words, double factor,
                  const GossPlane& plane, Executor& executor);

}  // namespace assay::automl
