// The tree while it grows: nodes with the rows they hold, in whatever order they were made. The
// final numbers are given at the end (grow_tree_assembly.h).
#pragma once

#include <span>
#include <vector>

#include "backends/cpu/big_buffer.h"
#include "backends/cpu/grow_tree_rules.h"
#include "kernels/device.h"

namespace assay::backends::cpu {

struct GrownNode {
  int64_t begin = 0;  // its rows are order[begin, end), ascending
  int64_t end = 0;
  uint64_t key = 0;
  int32_t depth = 0;
  int32_t level = 0;       // symmetric growth: that of its split
  int32_t left = -1;       // its left child; the right one follows. -1: not split
  int32_t histogram = -1;  // slot of the histogram pool
  SplitChoice split;       // the best one; feature -1 if there is none
  kernels::NodeLimits limits;

  int64_t row_count() const { return end - begin; }
};

// Rows of a node that one thread grows to the end, feature by feature.
inline constexpr int64_t kSubtreeRows = 4096;

// The root's histogram where it is there already: word i of it is words[i * stride].
struct RootWords {
  const int64_t* words = nullptr;
  size_t stride = 1;
};

struct Growth {
  const kernels::OpContext& context;
  const kernels::GrowTreeProblem& problem;
  const kernels::GrowTreeArgs& args;
  GainRules rules;
  std::vector<int32_t> features;  // the usable ones, ascending
  BigBuffer<uint32_t> packed;     // [row_count]: quantised rows
  BigBuffer<uint32_t> order;      // [sample_count]: rows, node by node
  BigBuffer<uint32_t> scratch;    // [sample_count]
  std::vector<GrownNode> nodes;   // [0] is the root; children come after their parent
  RootWords root;
  int32_t side_by_side = 1;  // trees that grow at the same time, and share the memory there is

  std::span<uint32_t> rows_of(const GrownNode& node) const {
    return {order.data() + node.begin, static_cast<size_t>(node.row_count())};
  }
  bool samples_columns() const;
  // Whether max_leaves may end the growth: every leaf has a row, and there are 2^depth at most.
  bool order_matters() const;
  // Nodes of so many rows are grown apart; 0: none, for bundles are better.
  int64_t subtree_rows() const;
  // Whether the histogram of the root will be wanted, of all features.
  bool opens_root() const;
  // Whether a node may be split at all, by its depth and rows.
  bool may_split(const GrownNode& node) const;
  bool stop_requested() const { return context.stop != nullptr && context.stop->requested(); }
};

// The two children that a split makes of `parent`, `left_count` rows going left.
GrownNode left_child(const GrownNode& parent, int64_t left_count);
GrownNode right_child(const GrownNode& parent, int64_t left_count);

}  // namespace assay::backends::cpu
