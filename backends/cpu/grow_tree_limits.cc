#include "backends/cpu/grow_tree_limits.h"

#include <algorithm>
#include <cmath>

namespace assay::backends::cpu {
namespace {

// One side of a candidate, or a node.
struct Side {
  double value = 0;
  double score = 0;
};

Side side_of(const GainRules& rules, const kernels::NodeLimits& limits, int64_t word, double l2) {
  Side side;
  const double hessian = static_cast<double>(mass_of(word)) * rules.hessian_unit;
  const double gradient = static_cast<double>(sum_of(word)) * rules.unit;
  const double rest = std::max(std::abs(gradient) - rules.params.l1, 0.0);
  const double t = gradient < 0 ? -rest : rest;
  side.value = kernels::limited_value(t, hessian + l2, limits);
  side.score = kernels::limited_score(t, hessian + l2, side.value);
  return side;
}

}  // namespace

double limited_node_score(const GainRules& rules, const NodeTotals& node, double l2) {
  return side_of(rules, node.limits, node.words[0], l2).score;
}

LimitedGain::LimitedGain(const GainRules& rules, const NodeTotals& node, double l2, double score,
                         int direction)
    : rules_(rules),
      node_(node),
      l2_(l2),
      score_(score),
      share_(static_cast<double>(node.row_count) / static_cast<double>(mass_of(node.words[0]))),
      direction_(direction) {}

bool LimitedGain::weigh(int64_t left_word, double& gain, double& middle) const {
  const int64_t right_word = node_.words[0] - left_word;
  if (!may_stand(left_word) || !may_stand(right_word)) return false;
  const Side left = side_of(rules_, node_.limits, left_word, l2_);
  const Side right = side_of(rules_, node_.limits, right_word, l2_);
  if (!kernels::keeps_direction(direction_, left.value, right.value)) return false;
  gain = (left.score + right.score) - score_;
  middle = (left.value + right.value) * 0.5;
  return true;
}

bool LimitedGain::may_stand(int64_t word) const {
  const auto mass = static_cast<double>(mass_of(word));
  const double rows = std::floor(mass * share_ + 0.5);
  return mass > 0 && rows >= static_cast<double>(rules_.params.min_child_samples) &&
         mass * rules_.hessian_unit >= rules_.params.min_child_weight;
}

ScanBest scan_limited(const GainRules& rules, const ScanInput& input) {
  const LimitedGain splits(rules, input.node, input.l2, input.score, input.direction);
  ScanBest best;
  best.gain = input.floor;
  const auto attempt = [&](int32_t candidate, int64_t left, bool missing_left) {
    double gain = 0;
    double middle = 0;
    if (!splits.weigh(left, gain, middle) || !(gain > best.gain)) return;
    best.gain = gain;
    best.candidate = candidate;
    best.missing_left = missing_left;
    best.middle = middle;
  };
  int64_t left = 0;
  for (int32_t i = 0; i < input.count; ++i) {
    left += input.increments[i];
    if (input.missing != nullptr) attempt(i, left + input.missing[0], true);
    attempt(i, left, false);
  }
  return best;
}

}  // namespace assay::backends::cpu
