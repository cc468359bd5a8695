// The sums of a bundle's features in a node, from the sums of its codes. Under a code most features
// are in their usual bin, so only the others are added up, and a usual bin's sum is what is left of
// the node's. Of hundreds of sparse columns few have enough rows outside their usual bin for a
// split to be allowed: the rest are not looked at.
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
    const NodeSearch& view;
    const int64_t* words;  // of the bundle's codes
  };
  // Finds the features of a column, which is a bundle of several, that the node may split on.
  void sum(const Growth& growth, const ColumnPlan& plan, size_t column, const Node& node);
  // Those, until the next `sum`.
  std::span<const FeatureSums> features() const { return features_; }

 private:
  static constexpr int64_t kNone = -1;
  void add_masses(const kernels::BundleView& bundles, int32_t bundle, const Node& node);
  void add_words(const kernels::BundleView& bundles, int32_t bundle, const Node& node);

  // By place in the bundle. Of features that are outside their usual bin under any code with rows:
  // the mass there, and where their sums are; else kNone.
  std::vector<int64_t> masses_;
  std::vector<int64_t> offsets_;
  std::vector<int32_t> found_;  // places
  std::vector<int32_t> codes_;  // that have rows
  std::vector<int64_t> sums_;
  std::vector<FeatureSums> features_;
};

}  // namespace assay::backends::cpu
