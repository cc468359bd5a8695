// What the parts of the CPU's grow_tree share: the packed sums, the constants of a tree's gains,
// and the record of a split.
//
// Sums are `lanes` packed words: one in gradient mode, one a class in class mode. A word is
// (sum << 32) + mass; its low half never carries, so words are added and subtracted as they are.
#pragma once

#include <cstdint>

#include "kernels/grow_tree.h"
#include "kernels/tree_rules.h"

namespace assay::backends::cpu {

inline int64_t sum_of(int64_t word) { return word >> 32; }
inline int64_t mass_of(int64_t word) { return word & 0xffffffff; }

// A row's quantised inputs in 32 bits. Gradient mode: gradient << 16 | hessian; class mode:
// weight << 16 | class.
inline int64_t gradient_word(uint32_t packed) {
  return (int64_t{static_cast<int32_t>(packed) >> 16} << 32) + (packed & 0xffff);
}
inline int64_t class_word(uint32_t packed) { return (int64_t{packed >> 16} << 32) + 1; }
inline uint32_t class_of(uint32_t packed) { return packed & 0xffff; }

struct GainRules {
  kernels::TreeParams params;
  bool class_mode = false;
  int32_t lanes = 1;                 // words a bin has: 1, or the number of classes
  double unit = 1;                   // 2^-e of gradients or weights
  double hessian_unit = 1;           // 2^-e of hessians
  const int8_t* monotone = nullptr;  // as GrowTreeArgs has them
  const uint64_t* interactions = nullptr;
};

// A node as the search sees it. Class mode: `lanes` may be less than the tree's, where classes that
// do not occur in the node are left out.
struct NodeTotals {
  const int64_t* words = nullptr;  // [lanes]
  int32_t lanes = 1;
  int64_t row_count = 0;
  uint64_t key = 0;
  kernels::NodeLimits limits;
};

// The sum of one node's score, and the gain that a split must exceed.
double node_score(const GainRules& rules, const NodeTotals& node, double l2);
double gain_floor(const GainRules& rules, double score);

struct SplitChoice {
  double gain = 0;
  int32_t feature = -1;  // -1: no split
  uint8_t threshold = 0;
  bool missing_left = false;
  bool categorical = false;
  bool left_heavy = false;  // the left side has at least half of the mass: most likely of the rows
  kernels::CategorySet set;
  kernels::SplitLimits limits;

  // Whether this one is taken before `other`.
  bool beats(const SplitChoice& other) const {
    if (feature < 0 || other.feature < 0) return feature >= 0;
    return gain > other.gain || (gain == other.gain && feature < other.feature);
  }
};

}  // namespace assay::backends::cpu
