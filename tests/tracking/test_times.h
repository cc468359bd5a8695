// Times for tests of the store, in nanoseconds.
#pragma once

#include <cstdint>

namespace assay::tracking {

inline constexpr int64_t kNow = 1'700'000'000'000'000'000;  // 2023-11-14T22:13:20Z
inline constexpr int64_t kHourNs = int64_t{3600} * 1'000'000'000;

}  // namespace assay::tracking
