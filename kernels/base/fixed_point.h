// Sums of doubles that do not depend on order: every term is rounded to a 64-bit integer on a
// common power-of-two scale, and integers add exactly. The scale leaves no room for overflow.
//
// Error: each term is off by at most half a unit, 2^-(exponent + 1), so a sum of n terms is off by
// at most n * 2^-(exponent + 1), which is below max_abs * n^2 * 2^-60. decode() rounds once more,
// to double.
#pragma once

#include <cmath>
#include <cstdint>

namespace assay {

class FixedPoint {
 public:
  // For sums of at most `count` terms of magnitude at most `max_abs` (finite, >= 0).
  static FixedPoint for_sum(double max_abs, int64_t count) {
    // n * max_abs * 2^e <= 2^61, one bit below the sign for the rounding of the terms.
    const int bits = max_abs > 0 ? std::ilogb(max_abs) + 1 : 0;
    int count_bits = 0;
    while (count_bits < 62 && (int64_t{1} << count_bits) < count) ++count_bits;
    return FixedPoint(61 - bits - count_bits);
  }
  explicit FixedPoint(int exponent) : exponent_(exponent) {}

  int exponent() const { return exponent_; }
  // Rounds half to even.
  int64_t encode(double x) const { return std::llrint(std::ldexp(x, exponent_)); }
  double decode(int64_t sum) const { return std::ldexp(static_cast<double>(sum), -exponent_); }

 private:
  int exponent_;
};

}  // namespace assay
