// How numbers stand in integer cells: two values of each type are taken for what is no integer.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "datasets/decimal_internal.h"

namespace assay::datasets {

// Numbers that loops over cells take at a time, so that compilers know how often they go round.
inline constexpr size_t kCellStep = 64;
inline constexpr uint64_t kNegativeZeroBits = uint64_t{1} << 63;

template <class T>
struct CellRange {
  static constexpr bool kSigned = std::is_signed_v<T>;
  static constexpr int32_t kLowest = std::numeric_limits<T>::min();
  static constexpr int32_t kHighest = std::numeric_limits<T>::max();
  static constexpr int32_t kMissing = kSigned ? kLowest : kHighest;
  static constexpr int32_t kNegativeZero = kSigned ? kLowest + 1 : kHighest - 1;
  // Of the integers.
  static constexpr int32_t kLeast = kSigned ? kLowest + 2 : 0;
  static constexpr int32_t kMost = kSigned ? kHighest : kHighest - 2;
};

inline constexpr int kMostDecimals = 22;

}  // namespace assay::datasets
