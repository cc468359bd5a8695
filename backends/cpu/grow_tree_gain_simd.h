// The gains of a vector of splits in gradient mode, by the contract's operations in the contract's
// order: what the scans of grow_tree share. Included once for each target.
#if defined(ASSAY_BACKENDS_CPU_GROW_TREE_GAIN_SIMD_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ASSAY_BACKENDS_CPU_GROW_TREE_GAIN_SIMD_H_
#undef ASSAY_BACKENDS_CPU_GROW_TREE_GAIN_SIMD_H_
#else
#define ASSAY_BACKENDS_CPU_GROW_TREE_GAIN_SIMD_H_
#endif

#include <hwy/highway.h>

#include "backends/cpu/grow_tree_rules.h"

HWY_BEFORE_NAMESPACE();
namespace assay::backends::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using F64 = hn::ScalableTag<double>;
using U64 = hn::ScalableTag<uint64_t>;
using VF = hn::Vec<F64>;
using VU = hn::Vec<U64>;
using MF = hn::Mask<F64>;

constexpr double kTwo52 = 4503599627370496.0;
constexpr uint64_t kTwo52Bits = 0x4330000000000000;

// The low half of each word, unsigned, and the high half, signed: exact.
HWY_INLINE VF low_half(VU words) {
  const F64 d;
  const U64 u;
  const VU bits = hn::Or(hn::And(words, hn::Set(u, 0xffffffff)), hn::Set(u, kTwo52Bits));
  return hn::Sub(hn::BitCast(d, bits), hn::Set(d, kTwo52));
}
HWY_INLINE VF high_half(VU words) {
  const F64 d;
  const U64 u;
  const VU biased = hn::Xor(hn::ShiftRight<32>(words), hn::Set(u, 0x80000000));
  const VF shifted = hn::BitCast(d, hn::Or(biased, hn::Set(u, kTwo52Bits)));
  return hn::Sub(shifted, hn::Set(d, kTwo52 + 2147483648.0));
}

// Constants of one scan in gradient mode.
struct GradientRules {
  VF unit, hessian_unit, l1, l2, score, min_weight, min_samples, share;
  bool has_l1;
};

HWY_INLINE VF side_score(const GradientRules& rules, VF gradient, VF hessian) {
  const F64 d;
  VF t = gradient;
  if (rules.has_l1)
    t = hn::Max(hn::Sub(hn::Abs(t), rules.l1), hn::Zero(d));  // the sign is squared away
  return hn::Div(hn::Mul(t, t), hn::Add(hessian, rules.l2));
}

HWY_INLINE MF side_allowed(const GradientRules& rules, VF mass, VF hessian) {
  const F64 d;
  const VF rows = hn::Floor(hn::Add(hn::Mul(mass, rules.share), hn::Set(d, 0.5)));
  const MF enough = hn::And(hn::Ge(rows, rules.min_samples), hn::Ge(hessian, rules.min_weight));
  return hn::And(enough, hn::Gt(mass, hn::Zero(d)));
}

HWY_INLINE GradientRules gradient_rules(const GainRules& rules, const NodeTotals& node, double l2,
                                        double score) {
  const F64 d;
  const double share =
      static_cast<double>(node.row_count) / static_cast<double>(mass_of(node.words[0]));
  return {hn::Set(d, rules.unit),
          hn::Set(d, rules.hessian_unit),
          hn::Set(d, rules.params.l1),
          hn::Set(d, l2),
          hn::Set(d, score),
          hn::Set(d, rules.params.min_child_weight),
          hn::Set(d, static_cast<double>(rules.params.min_child_samples)),
          hn::Set(d, share),
          rules.params.l1 > 0};
}

struct SplitGain {
  VF gain;
  MF allowed;
};

// Of splits that send `left` of `total` to the left.
HWY_INLINE SplitGain split_gain(const GradientRules& rules, VU left, VU total) {
  const VU right = hn::Sub(total, left);
  const VF left_mass = low_half(left);
  const VF right_mass = low_half(right);
  const VF left_hessian = hn::Mul(left_mass, rules.hessian_unit);
  const VF right_hessian = hn::Mul(right_mass, rules.hessian_unit);
  const VF left_score = side_score(rules, hn::Mul(high_half(left), rules.unit), left_hessian);
  const VF right_score = side_score(rules, hn::Mul(high_half(right), rules.unit), right_hessian);
  return {hn::Sub(hn::Add(left_score, right_score), rules.score),
          hn::And(side_allowed(rules, left_mass, left_hessian),
                  side_allowed(rules, right_mass, right_hessian))};
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace assay::backends::cpu
HWY_AFTER_NAMESPACE();

#endif  // include guard, once a target
