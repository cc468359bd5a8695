#include "backends/cpu/grow_tree_scan.h"

#include <algorithm>
#include <cmath>

#include "backends/cpu/grow_tree_limits.h"
#include "kernels/tree_rules.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/grow_tree_scan.cc"
#include <hwy/foreach_target.h>  // NOLINT: compiles this file once for each target
//
#include <hwy/highway.h>

#include "backends/cpu/grow_tree_gain_simd.h"

HWY_BEFORE_NAMESPACE();
namespace assay::backends::cpu {
namespace HWY_NAMESPACE {
namespace {

// The best so far, a lane for each residue of the candidate number. Codes are 2 * candidate, plus 1
// where missing goes right.
struct Best {
  VF gain;
  VF code;
};

HWY_INLINE void keep_better(Best& best, VF gain, MF allowed, VF code) {
  const MF better = hn::And(allowed, hn::Gt(gain, best.gain));
  best.gain = hn::IfThenElse(better, gain, best.gain);
  best.code = hn::IfThenElse(better, code, best.code);
}

ScanBest reduce(const Best& best) {
  const F64 d;
  HWY_ALIGN double gains[HWY_MAX_BYTES / sizeof(double)];
  HWY_ALIGN double codes[HWY_MAX_BYTES / sizeof(double)];
  hn::Store(best.gain, d, gains);
  hn::Store(best.code, d, codes);
  ScanBest result;
  double code = -1;
  for (size_t i = 0; i < hn::Lanes(d); ++i) {
    if (codes[i] < 0) continue;
    if (code < 0 || gains[i] > result.gain || (gains[i] == result.gain && codes[i] < code)) {
      result.gain = gains[i];
      code = codes[i];
    }
  }
  if (code >= 0) {
    result.candidate = static_cast<int32_t>(code) / 2;
    result.missing_left = static_cast<int32_t>(code) % 2 == 0;
  }
  return result;
}

HWY_INLINE void try_words(const GradientRules& rules, VU left, VU total, VF code, MF in_range,
                          Best& best) {
  const SplitGain split = split_gain(rules, left, total);
  keep_better(best, split.gain, hn::And(split.allowed, in_range), code);
}

ScanBest scan_gradients(const GainRules& rules, const ScanInput& input) {
  const F64 d;
  const U64 u;
  const auto lanes = static_cast<int32_t>(hn::Lanes(d));
  HWY_ALIGN int64_t left[kMaxCandidates + HWY_MAX_BYTES / sizeof(int64_t)];
  int64_t sum = 0;
  for (int32_t i = 0; i < input.count; ++i) left[i] = sum += input.increments[i];
  std::fill_n(left + input.count, lanes, int64_t{0});

  const int64_t total = input.node.words[0];
  const GradientRules constants = gradient_rules(rules, input.node, input.l2, input.score);
  Best best{hn::Set(d, input.floor), hn::Set(d, -1.0)};
  const VU totals = hn::Set(u, static_cast<uint64_t>(total));
  VF code = hn::Mul(hn::Iota(d, 0.0), hn::Set(d, 2.0));
  const VF end = hn::Set(d, 2.0 * input.count);
  const VF step = hn::Set(d, 2.0 * lanes);
  const VF one = hn::Set(d, 1.0);
  const VU missing =
      hn::Set(u, input.missing == nullptr ? 0 : static_cast<uint64_t>(input.missing[0]));
  for (int32_t i = 0; i < input.count; i += lanes) {
    const VU words = hn::Load(u, reinterpret_cast<const uint64_t*>(left) + i);
    const MF in_range = hn::Lt(code, end);
    if (input.missing != nullptr) {
      try_words(constants, hn::Add(words, missing), totals, code, in_range, best);
      try_words(constants, words, totals, hn::Add(code, one), in_range, best);
    } else {
      try_words(constants, words, totals, code, in_range, best);
    }
    code = hn::Add(code, step);
  }
  return reduce(best);
}

// One side of the candidates of a vector, in a problem of two classes.
struct TwoClasses {
  VF score;
  MF allowed;
};

HWY_INLINE TwoClasses side_of_two(const GainRules& rules, VU first, VU second) {
  const F64 d;
  const VF unit = hn::Set(d, rules.unit);
  const VF weight0 = hn::Mul(high_half(first), unit);
  const VF weight1 = hn::Mul(high_half(second), unit);
  const VF count = hn::Add(low_half(first), low_half(second));
  const VF squares = hn::Add(hn::Mul(weight0, weight0), hn::Mul(weight1, weight1));
  const VF weight = hn::Add(weight0, weight1);
  const MF enough =
      hn::And(hn::Ge(count, hn::Set(d, static_cast<double>(rules.params.min_child_samples))),
              hn::Ge(weight, hn::Set(d, rules.params.min_child_weight)));
  const MF positive = hn::Gt(weight, hn::Zero(d));
  return {hn::IfThenElseZero(positive, hn::Div(squares, weight)),
          hn::And(enough, hn::Gt(count, hn::Zero(d)))};
}

ScanBest scan_two_classes(const GainRules& rules, const ScanInput& input) {
  const F64 d;
  const U64 u;
  const auto lanes = static_cast<int32_t>(hn::Lanes(d));
  HWY_ALIGN int64_t left[2][kMaxCandidates + HWY_MAX_BYTES / sizeof(int64_t)];
  int64_t sums[2] = {0, 0};
  for (int32_t i = 0; i < input.count; ++i) {
    left[0][i] = sums[0] += input.increments[2 * i];
    left[1][i] = sums[1] += input.increments[2 * i + 1];
  }
  for (int64_t* lane : left) std::fill_n(lane + input.count, lanes, int64_t{0});
  const auto set = [&](int64_t word) HWY_ATTR { return hn::Set(u, static_cast<uint64_t>(word)); };
  const VU total0 = set(input.node.words[0]);
  const VU total1 = set(input.node.words[1]);
  const VF score = hn::Set(d, input.score);
  const VF end = hn::Set(d, 2.0 * input.count);
  Best best{hn::Set(d, input.floor), hn::Set(d, -1.0)};
  VF code = hn::Mul(hn::Iota(d, 0.0), hn::Set(d, 2.0));
  for (int32_t i = 0; i < input.count; i += lanes) {
    const VU words0 = hn::Load(u, reinterpret_cast<const uint64_t*>(left[0]) + i);
    const VU words1 = hn::Load(u, reinterpret_cast<const uint64_t*>(left[1]) + i);
    const MF in_range = hn::Lt(code, end);
    const auto attempt = [&](VU left0, VU left1, VF own_code) HWY_ATTR {
      const TwoClasses one = side_of_two(rules, left0, left1);
      const TwoClasses two = side_of_two(rules, hn::Sub(total0, left0), hn::Sub(total1, left1));
      const VF gain = hn::Sub(hn::Add(one.score, two.score), score);
      keep_better(best, gain, hn::And(in_range, hn::And(one.allowed, two.allowed)), own_code);
    };
    if (input.missing != nullptr) {
      attempt(hn::Add(words0, set(input.missing[0])), hn::Add(words1, set(input.missing[1])), code);
    }
    attempt(words0, words1, hn::Add(code, hn::Set(d, 1.0)));
    code = hn::Add(code, hn::Set(d, 2.0 * lanes));
  }
  return reduce(best);
}

// What one side of each candidate adds up to, over classes.
struct alignas(64) ClassSide {
  double squares[kMaxCandidates + 8];
  double weights[kMaxCandidates + 8];
  double counts[kMaxCandidates + 8];

  void clear(int32_t count) {
    std::fill_n(squares, count, 0.0);
    std::fill_n(weights, count, 0.0);
    std::fill_n(counts, count, 0.0);
  }
  HWY_INLINE void add(int32_t i, VU words, VF unit) {
    const F64 d;
    const VF weight = hn::Mul(high_half(words), unit);
    hn::Store(hn::Add(hn::Load(d, squares + i), hn::Mul(weight, weight)), d, squares + i);
    hn::Store(hn::Add(hn::Load(d, weights + i), weight), d, weights + i);
    hn::Store(hn::Add(hn::Load(d, counts + i), low_half(words)), d, counts + i);
  }
  HWY_INLINE VF score(int32_t i) const {
    const F64 d;
    const VF weight = hn::Load(d, weights + i);
    const VF ratio = hn::Div(hn::Load(d, squares + i), weight);
    return hn::IfThenElseZero(hn::Gt(weight, hn::Zero(d)), ratio);
  }
  HWY_INLINE MF allowed(int32_t i, VF min_weight, VF min_samples) const {
    const F64 d;
    const VF count = hn::Load(d, counts + i);
    const MF enough =
        hn::And(hn::Ge(count, min_samples), hn::Ge(hn::Load(d, weights + i), min_weight));
    return hn::And(enough, hn::Gt(count, hn::Zero(d)));
  }
};

// Adds every class to both sides of all candidates; `with_missing` puts the missing rows left.
void add_classes(const GainRules& rules, const ScanInput& input, bool with_missing, ClassSide& left,
                 ClassSide& right) {
  const F64 d;
  const U64 u;
  const auto lanes = static_cast<int32_t>(hn::Lanes(d));
  const int32_t padded = (input.count + lanes - 1) / lanes * lanes;
  const VF unit = hn::Set(d, rules.unit);
  HWY_ALIGN int64_t words[kMaxCandidates + HWY_MAX_BYTES / sizeof(int64_t)];
  left.clear(padded);
  right.clear(padded);
  for (int32_t c = 0; c < input.node.lanes; ++c) {
    int64_t sum = with_missing ? input.missing[c] : 0;
    for (int32_t i = 0; i < input.count; ++i) {
      words[i] = sum += input.increments[int64_t{i} * input.node.lanes + c];
    }
    std::fill_n(words + input.count, padded - input.count, int64_t{0});
    const VU total = hn::Set(u, static_cast<uint64_t>(input.node.words[c]));
    for (int32_t i = 0; i < padded; i += lanes) {
      const VU side = hn::Load(u, reinterpret_cast<const uint64_t*>(words) + i);
      left.add(i, side, unit);
      right.add(i, hn::Sub(total, side), unit);
    }
  }
}

ScanBest scan_classes(const GainRules& rules, const ScanInput& input) {
  const F64 d;
  const auto lanes = static_cast<int32_t>(hn::Lanes(d));
  const VF min_weight = hn::Set(d, rules.params.min_child_weight);
  const VF min_samples = hn::Set(d, static_cast<double>(rules.params.min_child_samples));
  const VF score = hn::Set(d, input.score);
  const VF end = hn::Set(d, 2.0 * input.count);
  ClassSide left;
  ClassSide right;
  ScanBest result;
  for (int side = input.missing == nullptr ? 1 : 0; side < 2; ++side) {
    add_classes(rules, input, side == 0, left, right);
    Best best{hn::Set(d, input.floor), hn::Set(d, -1.0)};
    VF code = hn::Mul(hn::Iota(d, 0.0), hn::Set(d, 2.0));
    for (int32_t i = 0; i < input.count; i += lanes) {
      const VF gain = hn::Sub(hn::Add(left.score(i), right.score(i)), score);
      const MF allowed = hn::And(left.allowed(i, min_weight, min_samples),
                                 right.allowed(i, min_weight, min_samples));
      keep_better(best, gain, hn::And(allowed, hn::Lt(code, end)), code);
      code = hn::Add(code, hn::Set(d, 2.0 * lanes));
    }
    ScanBest found = reduce(best);
    if (found.candidate < 0) continue;
    found.missing_left = side == 0;
    const bool better = result.candidate < 0 || found.gain > result.gain ||
                        (found.gain == result.gain && found.candidate < result.candidate);
    if (better) result = found;
  }
  return result;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace assay::backends::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::backends::cpu {
namespace {

HWY_EXPORT(scan_gradients);
HWY_EXPORT(scan_two_classes);
HWY_EXPORT(scan_classes);

int64_t total_mass(const int64_t* words, int32_t lanes) {
  int64_t mass = 0;
  for (int32_t c = 0; c < lanes; ++c) mass += mass_of(words[c]);
  return mass;
}

// Whether the left side of a found split has at least half of the mass.
bool is_left_heavy(const ScanInput& input, const ScanBest& best) {
  const int32_t lanes = input.node.lanes;
  int64_t left = 0;
  for (int64_t i = 0; i < int64_t{best.candidate + 1} * lanes; ++i) {
    left += mass_of(input.increments[i]);
  }
  if (best.missing_left && input.missing != nullptr) left += total_mass(input.missing, lanes);
  return left >= total_mass(input.node.words, lanes) - left;
}

}  // namespace

double node_score(const GainRules& rules, const NodeTotals& node, double l2) {
  if (rules.monotone != nullptr) return limited_node_score(rules, node, l2);
  if (rules.class_mode) {
    double squares = 0;
    double total = 0;
    for (int32_t c = 0; c < node.lanes; ++c) {
      const double weight = static_cast<double>(sum_of(node.words[c])) * rules.unit;
      squares += weight * weight;
      total += weight;
    }
    return total > 0 ? squares / total : 0;
  }
  const double gradient = static_cast<double>(sum_of(node.words[0])) * rules.unit;
  const double t = std::max(std::abs(gradient) - rules.params.l1, 0.0);
  return t * t / (static_cast<double>(mass_of(node.words[0])) * rules.hessian_unit + l2);
}

double gain_floor(const GainRules& rules, double score) {
  return std::max(rules.params.min_gain, score * kernels::kGainNoise);
}

ScanBest scan_candidates(const GainRules& rules, const ScanInput& input) {
  if (input.count == 0) return {};
  ScanBest best;
  if (rules.monotone != nullptr) {
    best = scan_limited(rules, input);
  } else if (!rules.class_mode) {
    best = HWY_DYNAMIC_DISPATCH(scan_gradients)(rules, input);
  } else if (input.node.lanes == 2) {
    best = HWY_DYNAMIC_DISPATCH(scan_two_classes)(rules, input);
  } else {
    best = HWY_DYNAMIC_DISPATCH(scan_classes)(rules, input);
  }
  if (best.candidate < 0) return best;
  best.left_heavy = is_left_heavy(input, best);
  if (input.missing == nullptr) best.missing_left = best.left_heavy;
  return best;
}

}  // namespace assay::backends::cpu
#endif  // HWY_ONCE
