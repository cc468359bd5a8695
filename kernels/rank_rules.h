// What rankings are worth, for the loss kLambdaRank and the metric ndcg. Pure functions, which a
// device compiles too (exact_math.h).
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels/base/host_device.h"
#include "kernels/exact_math.h"

namespace assay::kernels {

inline constexpr double kLn2 = 0x1.62e42fefa39efp-1;
// Relevances above this count as this: 2 to their power is still a number among others.
inline constexpr double kMostRelevance = 64;

// 2^y - 1, for a relevance y >= 0.
ASSAY_HOST_DEVICE inline double rank_gain(double y) {
  return exact_exp((y > kMostRelevance ? kMostRelevance : y) * kLn2) - 1.0;
}

// ln 2 / log(rank + 2), rank 0 being the first; 0 from rank `cut` on.
ASSAY_HOST_DEVICE inline double rank_discount(int64_t rank, double cut) {
  const auto place = static_cast<double>(rank);
  return place < cut ? kLn2 / exact_log(place + 2.0) : 0.0;
}

// What it changes to swap two rows: (|difference of gains| * |difference of discounts|) / best.
ASSAY_HOST_DEVICE inline double swap_change(double gain_a, double gain_b, double discount_a,
                                            double discount_b, double best) {
  return (std::fabs(gain_a - gain_b) * std::fabs(discount_a - discount_b)) / best;
}

}  // namespace assay::kernels
