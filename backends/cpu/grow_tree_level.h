// The candidates of a level of a symmetric tree, and what each gains at a leaf.
//
// What candidates a feature has is told by the sums of the whole sample, so a leaf's gains can be
// added up one leaf after the other, and no more than one leaf's histogram is needed at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <hwy/base.h>

#include "backends/cpu/grow_tree_rules.h"

namespace assay::backends::cpu {

// Runs of gains are as long as whole vectors of this many numbers.
inline constexpr size_t kGainLanes = HWY_ARCH_X86 ? 8 : 32;

// A run of candidates of one feature: thresholds, levels alone, or prefixes of levels in an order.
struct CandidateRun {
  int32_t feature = 0;
  bool categorical = false;
  bool tries_missing = false;  // numeric: each is tried with missing on the left, then the right
  bool alone = false;  // candidate i has bins[i] on its left; else the first `first + i + 1`
  int32_t first = 0;
  std::vector<uint8_t> bins;  // in the order in which they move to the left
  double l2 = 0;
  // Where the gains are: those with missing on the left (if tried), then those without.
  size_t gains = 0;

  int32_t count() const { return static_cast<int32_t>(bins.size()) - first; }
  size_t stride() const;  // from the gains with missing to those without
  size_t gain_count() const { return tries_missing ? 2 * stride() : stride(); }
};

// The whole sample's sums of a feature [bin_count, lanes], and in all [lanes].
struct FeatureTotals {
  int32_t feature = 0;
  bool categorical = false;
  int32_t bin_count = 0;
  int32_t lanes = 1;
  const int64_t* sums = nullptr;
  const int64_t* total = nullptr;
};
// Appends the feature's runs, in order of the scan; `key` is the level's.
void append_runs(const GainRules& rules, const FeatureTotals& totals, uint64_t key,
                 std::vector<CandidateRun>& runs);

// A leaf's sums of the run's feature.
struct LeafBins {
  NodeTotals node;
  double score = 0;               // node_score with the run's l2
  const int64_t* sums = nullptr;  // [bin_count, lanes]
};
// Adds each candidate's gain to gains[i], where it may stand.
void add_gains(const GainRules& rules, const CandidateRun& run, const LeafBins& leaf,
               double* gains);

// A candidate of a run; `missing_left` only matters where the run tries missing.
struct Candidate {
  const CandidateRun* run = nullptr;
  int32_t index = 0;
  bool missing_left = false;
};
// The split that the candidate is, without gain and limits.
SplitChoice split_of(const Candidate& candidate, const FeatureTotals& totals);
// The candidate as a split of the leaf, with its gain and limits; feature -1 if it may not stand.
SplitChoice split_leaf(const GainRules& rules, const Candidate& candidate, const LeafBins& leaf,
                       SplitChoice split);

}  // namespace assay::backends::cpu
