// exp and log that give the same bits on every target: only IEEE + - * / and integer operations in
// one stated order, no fused multiply-add, no library call. Scalar form; the CPU backend has a
// vector form of the same operations, and a device compiles these very functions (nvcc
// -fmad=false).
//
// exact_exp: x = k ln2 + r by two-part ln2 (Cody-Waite), |r| <= ln2 / 2, Taylor polynomial of
// degree 13 in Horner order, scaled by 2^k. Relative error below 4 * 2^-53. x < -708 gives 0, x >
// 709 gives exp(709). exact_log: x = 2^k m, m in [sqrt(1/2), sqrt(2)); log m = 2 atanh((m - 1) / (m
// + 1)) as a series of 11 odd terms. x must be positive and normal; relative error below 8 * 2^-53
// (absolute near 1).
#pragma once

#include <bit>
#include <cstdint>

#include "kernels/base/host_device.h"

namespace assay::kernels {

ASSAY_HOST_DEVICE inline double exact_exp(double x) {
  constexpr double kLog2E = 1.4426950408889634074;
  constexpr double kLn2High = 6.93147180369123816490e-01;
  constexpr double kLn2Low = 1.90821492927058770002e-10;
  constexpr double kShift = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
  if (!(x >= -708.0)) return 0.0;
  const double clamped = x > 709.0 ? 709.0 : x;
  const double shifted = clamped * kLog2E + kShift;
  const double k = shifted - kShift;
  const double r = (clamped - k * kLn2High) - k * kLn2Low;
  double p = 1.0 / 6227020800.0;
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  const auto exponent = static_cast<uint64_t>(static_cast<int64_t>(k) + 1023);
  return p * std::bit_cast<double>(exponent << 52);
}

ASSAY_HOST_DEVICE inline double exact_log(double x) {
  constexpr double kLn2High = 6.93147180369123816490e-01;
  constexpr double kLn2Low = 1.90821492927058770002e-10;
  const auto bits = std::bit_cast<uint64_t>(x);
  // Adding this before taking the exponent moves the cut from 1 to sqrt(1/2).
  constexpr uint64_t kHalfRoot = 0x3fe6a09e667f3bcdULL;
  const uint64_t offset = bits - kHalfRoot;
  const auto exponent = static_cast<int64_t>(offset) >> 52;
  const double m = std::bit_cast<double>(bits - (static_cast<uint64_t>(exponent) << 52));
  const double k = static_cast<double>(exponent);
  const double f = (m - 1.0) / (m + 1.0);
  const double s = f * f;
  double p = 1.0 / 21.0;
  p = p * s + 1.0 / 19.0;
  p = p * s + 1.0 / 17.0;
  p = p * s + 1.0 / 15.0;
  p = p * s + 1.0 / 13.0;
  p = p * s + 1.0 / 11.0;
  p = p * s + 1.0 / 9.0;
  p = p * s + 1.0 / 7.0;
  p = p * s + 1.0 / 5.0;
  p = p * s + 1.0 / 3.0;
  const double tail = f * (p * s);
  return k * kLn2High + (2.0 * f + (2.0 * tail + k * kLn2Low));
}

// 1 / (1 + e^-x).
ASSAY_HOST_DEVICE inline double exact_sigmoid(double x) { return 1.0 / (1.0 + exact_exp(-x)); }

}  // namespace assay::kernels
