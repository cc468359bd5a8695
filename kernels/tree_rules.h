// The pieces of the contract of grow_tree that are rules rather than work: scales, keys and draws.
// Every implementation calls these, so that none can differ in them. Pure functions; host only.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "kernels/base/rng.h"
#include "kernels/grow_tree.h"

namespace assay::kernels {

// Gains at or below this share of the node's score are rounding noise.
inline constexpr double kGainNoise = 0x1p-48;

// Qg and Qh: the greatest quantised magnitude of which `sample_count` fit in a packed word.
inline int32_t gradient_limit(int64_t sample_count, int32_t bits) {
  const int64_t share = INT32_MAX / std::max<int64_t>(1, sample_count);
  return static_cast<int32_t>(std::min<int64_t>((int64_t{1} << bits) - 1, share));
}
inline int32_t hessian_limit(int64_t sample_count, int32_t bits) {
  const int64_t share = int64_t{UINT32_MAX} / std::max<int64_t>(1, sample_count);
  return static_cast<int32_t>(std::min<int64_t>((int64_t{1} << bits) - 1, share));
}

// The largest e with max_abs * 2^e <= limit; 0 if max_abs is 0.
inline int scale_exponent(double max_abs, int32_t limit) {
  if (!(max_abs > 0)) return 0;
  int exponent = std::ilogb(static_cast<double>(limit)) - std::ilogb(max_abs) + 1;
  while (std::ldexp(max_abs, exponent) > limit) --exponent;
  return exponent;
}

// floor(x * scale + half / 65536), `scale` being a power of two.
inline int32_t quantise(double x, double scale, uint32_t half) {
  return static_cast<int32_t>(std::floor(x * scale + static_cast<double>(half) * 0x1p-16));
}

// The 32 random bits of a row: the low half is the gradient's, the high half the hessian's.
inline uint32_t rounding_word(uint64_t seed, uint32_t row) {
  return philox_block({static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
                      {row / 4, 0, 0, 1})[row % 4];
}

// What constraints leave to a node: bounds of its value, before scaling, and the groups of features
// that it may split on.
struct NodeLimits {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  uint64_t groups = ~uint64_t{0};

  double hold(double value) const { return std::clamp(value, low, high); }
  bool allows(const uint64_t* interactions, int32_t feature) const {
    return interactions == nullptr || (interactions[feature] & groups) != 0;
  }
};

// The value of rows with these sums, and the score that goes with it; `t` is the gradient sum less
// l1 as the contract has it, `divisor` is H + l2 > 0.
inline double limited_value(double t, double divisor, const NodeLimits& limits) {
  return limits.hold((0.0 - t) / divisor);
}
inline double limited_score(double t, double divisor, double value) {
  return 0.0 - ((2.0 * t) * value + divisor * (value * value));
}

// Whether such values of the sides keep to the direction (-1, 0 or 1) of the split's feature.
inline bool keeps_direction(int direction, double left, double right) {
  return direction == 0 || (direction > 0 ? left <= right : left >= right);
}

// A split as far as it limits its children.
struct SplitLimits {
  int direction = 0;
  double middle = 0;  // (value(left) + value(right)) * 0.5
  uint64_t groups = ~uint64_t{0};

  // Of the left (side 0) or right (side 1) child.
  NodeLimits child(NodeLimits parent, int side) const {
    parent.groups &= groups;
    if (direction == 0) return parent;
    if ((direction > 0) == (side == 0)) {
      parent.high = middle;
    } else {
      parent.low = middle;
    }
    return parent;
  }
};

// The key of the left (side 0) or right (side 1) child.
inline uint64_t child_key(uint64_t parent_key, int side) {
  return derive_seed(parent_key, "child", static_cast<uint64_t>(side));
}

// The key of a level of a symmetric tree, from the problem's seed.
inline uint64_t level_key(uint64_t seed, int32_t level) {
  return derive_seed(seed, "level", static_cast<uint64_t>(level));
}

// draw(bound) of random thresholds; `bound` > 0.
inline int32_t threshold_draw(uint64_t key, int32_t feature, int32_t bound) {
  Rng rng(derive_seed(key, "feature", static_cast<uint64_t>(feature)));
  return static_cast<int32_t>(rng.below(static_cast<uint64_t>(bound)));
}

// The features that any node may split on, ascending.
inline std::vector<int32_t> usable_features(const BinnedView& bins, const uint8_t* mask) {
  std::vector<int32_t> features;
  for (int32_t f = 0; f < bins.feature_count; ++f) {
    if (bins.bin_counts[f] >= 2 && (mask == nullptr || mask[f] != 0)) features.push_back(f);
  }
  return features;
}

// Moves a node's random choice of `count` features to the front of `features`, which must be the
// usable ones in ascending order, and calls visit(feature) for each; then restores the order. Not
// in ascending order of feature.
template <class Visit>
void choose_columns(uint64_t key, int32_t count, std::vector<int32_t>& features, Visit&& visit) {
  Rng rng(derive_seed(key, "columns"));
  std::vector<std::pair<size_t, size_t>> swaps;
  swaps.reserve(static_cast<size_t>(count));
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const size_t j = i + rng.below(features.size() - i);
    std::swap(features[i], features[j]);
    swaps.emplace_back(i, j);
    visit(features[i]);
  }
  for (auto swap = swaps.rbegin(); swap != swaps.rend(); ++swap) {
    std::swap(features[swap->first], features[swap->second]);
  }
}

// Whether nodes choose among the usable features at all.
inline bool samples_columns(const TreeParams& params, size_t usable_count) {
  return params.columns_per_node > 0 && static_cast<size_t>(params.columns_per_node) < usable_count;
}

}  // namespace assay::kernels
