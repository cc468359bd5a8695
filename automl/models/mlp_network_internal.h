// The functions that the ways through a network (mlp_network.h) have in common, of + - * / alone.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "automl/models/mlp_network.h"

namespace assay::automl {

constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer

// e^x within 2^-22 of it; x beyond +-87 counts as +-87.
inline float exp_f32(float x) {
  constexpr float kLog2E = 1.44269504F;
  constexpr float kLn2High = 0.693359375F;
  constexpr float kLn2Low = -2.12194440e-4F;
  const float bounded = std::min(std::max(x, -87.0F), 87.0F);
  const float shifted = bounded * kLog2E + kRound;
  const float k = shifted - kRound;
  const float r = (bounded - k * kLn2High) - k * kLn2Low;
  float p = 1.0F / 720.0F;
  p = p * r + 1.0F / 120.0F;
  p = p * r + 1.0F / 24.0F;
  p = p * r + 1.0F / 6.0F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const auto exponent = static_cast<uint32_t>(static_cast<int32_t>(k) + 127);
  return p * std::bit_cast<float>(exponent << 23);
}

struct Wave {
  float cosine;
  float sine;
};

// t less the nearest integer.
inline float turn_part(float t) {
  const float bounded = std::min(std::max(t, -1e6F), 1e6F);
  return bounded - ((bounded + kRound) - kRound);
}

// sin of pi r by its Taylor series, r within 1 / 2.
inline float half_sine(float r) {
  const float u = r * r;
  float s = -0.00737043F;
  s = s * u + 0.08214589F;
  s = s * u - 0.59926453F;
  s = s * u + 2.55016404F;
  s = s * u - 5.16771278F;
  s = s * u + 3.14159265F;
  return s * r;
}

// cos of 2 pi t, within 1e-5, by the sine of half the angle.
inline float cosine(float t) {
  const float s = half_sine(turn_part(t));
  return 1.0F - 2.0F * (s * s);
}

// cos and sin of 2 pi t, likewise; cosine() gives the same bits.
inline Wave wave(float t) {
  const float r = turn_part(t);
  const float s = half_sine(r);
  const float u = r * r;
  float c = 0.00192957F;
  c = c * u - 0.02580689F;
  c = c * u + 0.23533063F;
  c = c * u - 1.33526277F;
  c = c * u + 4.05871213F;
  c = c * u - 4.93480220F;
  c = c * u + 1.0F;
  return {1.0F - 2.0F * (s * s), 2.0F * (s * c)};
}

inline float held(float value) {
  return std::min(std::max(value, -kMostActivation), kMostActivation);
}

}  // namespace assay::automl
