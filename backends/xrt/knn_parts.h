// How a search for neighbours is cut for a card: by the host that starts its kernel, and by the
// plan of what that costs (bench/fpga).
#pragma once

#include <algorithm>
#include <cstdint>

namespace assay::backends::xrt {

// Queries of a launch, whole groups of those that the kernel keeps: a card makes the differences of
// a launch in a tenth of a second.
inline int64_t queries_at_once(int64_t points, int64_t dim) {
  constexpr int64_t kRunWork = int64_t{1} << 32;  // differences
  constexpr int64_t kGroupQueries = 16;
  const int64_t group_work =
      kGroupQueries * std::max<int64_t>(1, points) * std::max<int64_t>(1, dim);
  return std::max<int64_t>(1, kRunWork / group_work) * kGroupQueries;
}

}  // namespace assay::backends::xrt
