// The best split of a node on one feature, from the sums of its bins.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "backends/cpu/grow_tree_rules.h"
#include "backends/cpu/grow_tree_scan.h"

namespace assay::backends::cpu {

// The sums of a feature's bins in a node: dense, or only the bins that occur.
struct FeatureSums {
  int32_t feature = 0;
  const int64_t* words = nullptr;  // [count, lanes]
  // Ascending bins of the words, or null for 0, 1, 2, ... Where given, bin 0 is the first of them
  // whether it has rows or not, and so is bin 1 if bin 0 has rows.
  const uint8_t* codes = nullptr;
  int32_t count = 0;
};

// A node with what every feature's search needs of it. The words must outlive it.
struct NodeSearch {
  NodeSearch() = default;
  NodeSearch(const GainRules& rules, const NodeTotals& node);
  // Whether any split of the node can be allowed.
  bool splittable = false;
  NodeTotals totals;
  double score = 0;
  double floor = 0;
  double category_score = 0;  // with category_l2
  double category_floor = 0;
  int32_t heaviest = 0;  // class mode: the lane of the greatest weight
};

// Memory that a thread keeps between searches.
struct SearchScratch {
  std::vector<int64_t> words;
  std::vector<int32_t> levels;
  std::vector<std::pair<double, int32_t>> keyed;  // levels by what they are sorted by
};

class SplitSearch {
 public:
  SplitSearch(const GainRules& rules, const kernels::BinnedView& bins)
      : rules_(rules), bins_(bins) {}
  // Replaces `best` if this feature has a split that beats it.
  void search(const NodeSearch& node, const FeatureSums& sums, SearchScratch& scratch,
              SplitChoice& best) const;

  // One threshold of a numeric feature.
  struct Threshold {
    int32_t feature = 0;
    uint8_t threshold = 0;
    const int64_t* left = nullptr;     // [lanes]: bins 1..threshold
    const int64_t* missing = nullptr;  // [lanes]
  };
  void search_threshold(const NodeSearch& node, const Threshold& threshold,
                        SplitChoice& best) const;

 private:
  SplitChoice numeric(const NodeSearch& node, const FeatureSums& sums) const;
  SplitChoice random_numeric(const NodeSearch& node, const FeatureSums& sums,
                             SearchScratch& scratch) const;
  SplitChoice categorical(const NodeSearch& node, const FeatureSums& sums,
                          SearchScratch& scratch) const;
  SplitChoice one_hot(const NodeSearch& node, const FeatureSums& sums,
                      const std::vector<int32_t>& levels) const;
  void sort_levels(const NodeSearch& node, const FeatureSums& sums, SearchScratch& scratch) const;

  const GainRules& rules_;
  const kernels::BinnedView& bins_;
};

}  // namespace assay::backends::cpu
