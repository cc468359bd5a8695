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
  static constexpr int64_t kNone = -1;
  // The node's sums of the bundle's codes, and what BundleView says of it.
  struct Column {
    const int64_t* words;
    int32_t lanes;
    int32_t code_count;
    int32_t first;  // place of its first feature
    int32_t feature_count;
    const int32_t* odd_offsets;  // [code_count + 1]
    const int32_t* odd_places;
    const uint8_t* bins;
  };
  static Column column_of(const Growth& growth, const ColumnPlan& plan, size_t column,
                          const Node& node);
  // Notes the codes that have rows and the features that are searched.
  void begin(const ColumnPlan& plan, const Column& column);
  void list_codes(const Column& column);
  // Features that are too seldom outside their usual bin are not summed.
  void drop_light(const Column& column, const GainRules& rules, const NodeTotals& totals);
  template <bool kOneLane>
  void add_words(const Column& column);
  // Adds up the bins of all features but those that were left out.
  void add_up(const Growth& growth, const Column& column, const NodeTotals& totals);
  // Keeps the features of which both sides of some split may stand.
  void keep_searchable(const kernels::BundleView& bundles, const GainRules& rules,
                       const NodeTotals& totals);

  std::vector<int32_t> codes_;    // that have rows
  std::vector<int64_t> masses_;   // of each feature, outside its usual bin
  std::vector<int64_t> offsets_;  // of each feature: where its sums are, or kNone
  std::vector<int64_t> sums_;
  std::vector<FeatureSums> features_;
};

}  // namespace assay::backends::cpu
