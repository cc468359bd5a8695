// The sums of a bundle's features in a node, from the sums of its codes. Under a code most features
// are in their usual bin, so only the codes of others are added up, and a usual bin's sum is what
// is left of the node's. Of hundreds of sparse columns few have enough rows outside their usual bin
// for a split to be allowed: the rest are not looked at.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backends/cpu/grow_tree_growth.h"
#include "backends/cpu/grow_tree_histogram.h"
#include "backends/cpu/grow_tree_search.h"

namespace assay::backends::cpu {

class BundleSums {
 public:
  struct Node {
    const NodeTotals& totals;
    const int64_t* words;  // of the bundle's codes
  };
  // Finds the features of a column, which is a bundle of several, that the node may split on.
  void sum(const Growth& growth, const ColumnPlan& plan, size_t column, const Node& node);
  // All features of the column that are searched.
  void sum_all(const Growth& growth, const ColumnPlan& plan, size_t column, const Node& node);
  // Those found by the last sum.
  std::span<const FeatureSums> features() const { return features_; }

 private:
  // Looks at the features of a column one by one; wanted(mass) is told the mass outside of each
  // one's usual bin.
  template <class Wanted>
  void visit(const Growth& growth, const ColumnPlan& plan, size_t column, const Node& node,
             Wanted&& wanted);
  // Appends the sums of the feature at a place of the bundles; rest_ has those outside of its usual
  // bin.
  void append(const Growth& growth, int32_t place, const Node& node);

  std::vector<int64_t> rest_;  // [lanes]
  std::vector<int64_t> sums_;
  std::vector<FeatureSums> features_;
};

}  // namespace assay::backends::cpu
