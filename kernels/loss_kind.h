// The losses of kernels/loss.h by name, and the constants of their contract. Plain data.
#pragma once

#include <cstdint>

#include "kernels/base/host_device.h"

namespace assay::kernels {

enum class Loss : uint8_t {
  kSquared,
  kLogistic,
  kSoftmax,
  kAbsolute,
  kHuber,
  kQuantile,
  kPoisson,
  kTweedie,
  kCrossEntropy,
  kLambdaRank,
};

// Whether the loss is of classes, or else of targets.
ASSAY_HOST_DEVICE inline bool takes_classes(Loss loss) {
  return loss == Loss::kLogistic || loss == Loss::kSoftmax;
}

inline constexpr double kLeastHessian = 1e-16;
inline constexpr double kGreatestGradient = 3.4028234663852886e38;  // the greatest f32
inline constexpr double kGreatestLoss = 0x1p100;
inline constexpr double kGreatestExponent = 300;
inline constexpr double kLeastLogTarget = 0x1p-1022;

}  // namespace assay::kernels
