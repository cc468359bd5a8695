#include "automl/learners/goss.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "kernels/base/rng.h"

namespace assay::automl {

GossSample draw_goss(std::span<const uint32_t> rows, std::span<const float> sizes, double top,
                     double other, uint64_t seed) {
  GossSample sample;
  sample.factor = (1 - top) / other;
  const auto count = static_cast<double>(rows.size());
  const auto kept = std::min(static_cast<size_t>(std::llround(top * count)), rows.size());
  // The size from which rows are kept, and how many of that very size.
  float least = std::numeric_limits<float>::infinity();
  size_t ties = 0;
  if (kept > 0) {
    std::vector<float> sorted(sizes.begin(), sizes.end());
    const auto last = sorted.begin() + static_cast<std::ptrdiff_t>(kept) - 1;
    std::nth_element(sorted.begin(), last, sorted.end(), std::greater<>());
    least = *last;
    ties = kept - static_cast<size_t>(std::count_if(sizes.begin(), sizes.end(),
                                                    [&](float size) { return size > least; }));
  }
  const std::array<uint32_t, 2> key = {static_cast<uint32_t>(seed),
                                       static_cast<uint32_t>(seed >> 32)};
  const double share = top < 1 ? other / (1 - top) : 0;
  const auto limit = static_cast<uint64_t>(std::min(share, 1.0) * 4294967296.0);
  for (size_t i = 0; i < rows.size(); ++i) {
    const uint32_t row = rows[i];
    if (sizes[i] > least || (sizes[i] == least && ties > 0)) {
      if (sizes[i] == least) --ties;
      sample.rows.push_back(row);
    } else if (philox_block(key, {row / 4, 0, 0, 3})[row % 4] < limit) {
      sample.rows.push_back(row);
      sample.drawn.push_back(row);
    }
  }
  return sample;
}

}  // namespace assay::automl
