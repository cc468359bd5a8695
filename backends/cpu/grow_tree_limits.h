// Scores and gains under monotone constraints, which bound the values of nodes: scan_candidates and
// node_score where there are any. One candidate after the other: constrained trees are rare, and
// then correctness is what they are for.
#pragma once

#include "backends/cpu/grow_tree_scan.h"

namespace assay::backends::cpu {

double limited_node_score(const GainRules& rules, const NodeTotals& node, double l2);
// As scan_candidates, but for left_heavy, and missing_left where `missing` is null.
ScanBest scan_limited(const GainRules& rules, const ScanInput& input);

}  // namespace assay::backends::cpu
