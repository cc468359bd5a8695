#include "backends/cpu/grow_tree_limits.h"

#include <algorithm>
#include <cmath>

namespace assay::backends::cpu {
namespace {

// One side of a candidate, or a node.
struct Side {
  double mass = 0;
  double hessian = 0;
  double value = 0;
  double score = 0;
};

Side side_of(const GainRules& rules, const kernels::NodeLimits& limits, int64_t word, double l2) {
  Side side;
  side.mass = static_cast<double>(mass_of(word));
  side.hessian = side.mass * rules.hessian_unit;
  const double gradient = static_cast<double>(sum_of(word)) * rules.unit;
  const double rest = std::max(std::abs(gradient) - rules.params.l1, 0.0);
  const double t = gradient < 0 ? -rest : rest;
  side.value = kernels::limited_value(t, side.hessian + l2, limits);
  side.score = kernels::limited_score(t, side.hessian + l2, side.value);
  return side;
}

class LimitedScan {
 public:
  LimitedScan(const GainRules& rules, const ScanInput& input)
      : rules_(rules),
        input_(input),
        total_(input.node.words[0]),
        share_(static_cast<double>(input.node.row_count) / static_cast<double>(mass_of(total_))) {
    best_.gain = input.floor;
  }

  ScanBest run() {
    int64_t left = 0;
    for (int32_t i = 0; i < input_.count; ++i) {
      left += input_.increments[i];
      if (input_.missing != nullptr) attempt(i, left + input_.missing[0], true);
      attempt(i, left, false);
    }
    return best_;
  }

 private:
  bool may_stand(const Side& side) const {
    const double rows = std::floor(side.mass * share_ + 0.5);
    return side.mass > 0 && rows >= static_cast<double>(rules_.params.min_child_samples) &&
           side.hessian >= rules_.params.min_child_weight;
  }
  void attempt(int32_t candidate, int64_t left_word, bool missing_left) {
    if (mass_of(left_word) == 0 || mass_of(total_ - left_word) == 0) return;
    const Side left = side_of(rules_, input_.node.limits, left_word, input_.l2);
    const Side right = side_of(rules_, input_.node.limits, total_ - left_word, input_.l2);
    if (!may_stand(left) || !may_stand(right)) return;
    if (!kernels::keeps_direction(input_.direction, left.value, right.value)) return;
    const double gain = (left.score + right.score) - input_.score;
    if (!(gain > best_.gain)) return;
    best_.gain = gain;
    best_.candidate = candidate;
    best_.missing_left = missing_left;
    best_.middle = (left.value + right.value) * 0.5;
  }

  const GainRules& rules_;
  const ScanInput& input_;
  const int64_t total_;
  const double share_;
  ScanBest best_;
};

}  // namespace

double limited_node_score(const GainRules& rules, const NodeTotals& node, double l2) {
  return side_of(rules, node.limits, node.words[0], l2).score;
}

ScanBest scan_limited(const GainRules& rules, const ScanInput& input) {
  return LimitedScan(rules, input).run();
}

}  // namespace assay::backends::cpu
