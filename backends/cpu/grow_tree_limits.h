// Scores and gains under monotone constraints, which bound the values of nodes: scan_candidates and
// node_score where there are any. One candidate after the other: constrained trees are rare, and
// then correctness is what they are for.
#pragma once

#include "backends/cpu/grow_tree_scan.h"

namespace assay::backends::cpu {

double limited_node_score(const GainRules& rules, const NodeTotals& node, double l2);

// What splits of a node gain, told by the sums of their left sides. References must outlive it.
class LimitedGain {
 public:
  // `score` is limited_node_score with that l2, `direction` that of the feature.
  LimitedGain(const GainRules& rules, const NodeTotals& node, double l2, double score,
              int direction);
  // False if the split is not allowed. `middle`: SplitLimits::middle.
  bool weigh(int64_t left_word, double& gain, double& middle) const;

 private:
  bool may_stand(int64_t word) const;

  const GainRules& rules_;
  const NodeTotals& node_;
  double l2_;
  double score_;
  double share_;
  int direction_;
};

// As scan_candidates, but for left_heavy, and missing_left where `missing` is null.
ScanBest scan_limited(const GainRules& rules, const ScanInput& input);

}  // namespace assay::backends::cpu
