// How predictions are cut for a card: by the host that starts its kernels, and by the plan of what
// that costs (bench/fpga).
#pragma once

#include <algorithm>
#include <cstdint>

namespace assay::backends::xrt {

// Rows of a launch; parts go to the compute units in turn.
inline constexpr int64_t kPartRows = 65'536;
// Rows times trees of a launch at most: a card walks them in some ten milliseconds, and an emulated
// one does not keep who wants to stop it for long either.
inline constexpr int64_t kRunWork = 1 << 22;

// Trees of a launch. All parts take these before the next ones begin.
inline int64_t trees_at_once(int64_t rows) {
  return std::max<int64_t>(1, kRunWork / std::min(rows, kPartRows));
}

}  // namespace assay::backends::xrt
