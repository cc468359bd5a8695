// What the kernels of grow_tree know of histograms and gains: the words that hold a bin's sums, and
// score, value and conditions of a side, in the order of operations of kernels/grow_tree.h.
// Gains are those of gradient mode; tree_class_sums.h has class mode's.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/base/host_device.h"

namespace assay::backends::cuda {

// (gradient sum << 32) + hessian sum. Words add exactly, in any order.
ASSAY_HOST_DEVICE inline uint64_t packed_word(int32_t gradient, uint32_t hessian) {
  return (static_cast<uint64_t>(static_cast<int64_t>(gradient)) << 32) + hessian;
}
ASSAY_HOST_DEVICE inline int64_t gradient_of(uint64_t word) {
  return static_cast<int64_t>(word) >> 32;
}
ASSAY_HOST_DEVICE inline int64_t mass_of(uint64_t word) {
  return static_cast<int64_t>(word & 0xffffffffu);
}

// A row of a sample with its quantised gradient and hessian, of at most 15 bits: what the lists of
// nodes' rows hold, so that whoever goes over a node's rows reads one line of memory after the
// other. One word, so that it is read and written as one.
struct RowItem {
  uint64_t word;  // position << 32, gradient << 16, hessian

  ASSAY_HOST_DEVICE static RowItem of(uint32_t position, int32_t gradient, int32_t hessian) {
    return {uint64_t{position} << 32 | uint64_t{static_cast<uint16_t>(gradient)} << 16 |
            static_cast<uint16_t>(hessian)};
  }
  ASSAY_HOST_DEVICE uint32_t position() const { return static_cast<uint32_t>(word >> 32); }
};

// Gradient and hessian of 16 bits each, as a row or a copy of sums has them.
ASSAY_HOST_DEVICE inline uint64_t word_of_halves(uint32_t halves) {
  return packed_word(static_cast<int16_t>(halves >> 16), halves & 0xffff);
}

// The rules of a tree that its kernels read: parameters, scales, and where its arrays are.
struct TreeRules {
  const uint32_t* rows;          // [sample_count]; null: all, a row is its position
  const float* gradients;        // by row; class mode: null, as hessians
  const float* hessians;         // by row
  const int32_t* classes;        // class mode, by row
  const float* weights;          // class mode, by row; null: 1
  RowItem* order[2];             // [sample_count] each, grouped by node
  const int8_t* monotone;        // [feature_count] or null
  const uint64_t* interactions;  // [feature_count] or null
  double unit;
  double hessian_unit;
  double gradient_scale;  // of the fixed point of leaf values
  double hessian_scale;
  double l1;
  double l2;
  double min_gain;
  double min_child_weight;
  double min_child_samples;
  double category_smooth;
  double category_l2;
  int32_t onehot_levels;
  int32_t max_category_levels;
  int32_t random_thresholds;
  int32_t class_count;  // 0: gradient mode
  int32_t packed;       // sums of rows' gradients and hessians may share a word of 32 bits

  ASSAY_DEVICE int64_t row_of(uint32_t position) const {
    return rows == nullptr ? position : rows[position];
  }
};

// What constraints leave to a node (kernels/tree_rules.h).
struct NodeBounds {
  double low;
  double high;
};

// A side of a candidate, or a node.
struct SideSums {
  double mass;
  double hessian;
  double shrunk;  // sign(G) * max(|G| - l1, 0)
};

ASSAY_DEVICE inline SideSums side_of(const TreeRules& rules, uint64_t word) {
  SideSums side;
  side.mass = static_cast<double>(mass_of(word));
  side.hessian = side.mass * rules.hessian_unit;
  const double gradient = static_cast<double>(gradient_of(word)) * rules.unit;
  const double rest = (gradient < 0 ? -gradient : gradient) - rules.l1;
  const double held = rest < 0.0 ? 0.0 : rest;
  side.shrunk = gradient < 0 ? -held : held;
  return side;
}

ASSAY_DEVICE inline double value_of(const SideSums& side, double l2, const NodeBounds& bounds) {
  const double value = (0.0 - side.shrunk) / (side.hessian + l2);
  return value < bounds.low ? bounds.low : (bounds.high < value ? bounds.high : value);
}

ASSAY_DEVICE inline double score_of(const TreeRules& rules, const SideSums& side, double l2,
                                    const NodeBounds& bounds) {
  const double divisor = side.hessian + l2;
  if (rules.monotone == nullptr) return side.shrunk * side.shrunk / divisor;
  const double value = value_of(side, l2, bounds);
  return 0.0 - ((2.0 * side.shrunk) * value + divisor * (value * value));
}

// `share` is the node's rows over its mass.
ASSAY_DEVICE inline bool may_stand(const TreeRules& rules, const SideSums& side, double share) {
  if (!(side.mass > 0)) return false;
  const double rows = floor(side.mass * share + 0.5);
  return rows >= rules.min_child_samples && side.hessian >= rules.min_child_weight;
}

}  // namespace assay::backends::cuda
