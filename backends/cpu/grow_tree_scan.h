// The inner loop of split search: the gains of a row of candidates that each move a little more to
// the left side, in vectors. Candidate i has on its left the first i + 1 increments, and the
// missing rows too or not; lanes of a vector are candidates, so every gain is made by the
// contract's operations in the contract's order.
#pragma once

#include <cstdint>

#include "backends/cpu/grow_tree_rules.h"

namespace assay::backends::cpu {

inline constexpr int32_t kMaxCandidates = 256;

struct ScanInput {
  const int64_t* increments = nullptr;  // [count, node.lanes]
  int32_t count = 0;                    // 0..kMaxCandidates
  const int64_t* missing = nullptr;     // [node.lanes]; null: tried on neither side
  NodeTotals node;
  double l2 = 0;      // of both sides
  double score = 0;   // node_score with that l2
  double floor = 0;   // a gain must exceed it
  int direction = 0;  // of the feature, where there are monotone constraints
};

struct ScanBest {
  double gain = 0;
  int32_t candidate = -1;  // -1: none exceeds the floor
  bool missing_left = false;
  bool left_heavy = false;  // the left side has at least half of the mass
  double middle = 0;        // SplitLimits::middle, where there are monotone constraints
};

// The greatest gain; ties by lowest candidate, missing left first. Where `missing` is null,
// missing_left is left_heavy.
ScanBest scan_candidates(const GainRules& rules, const ScanInput& input);

}  // namespace assay::backends::cpu
