// Where the growing of a tree and the work on its nodes meet: what finds splits and divides rows
// may be the CPU (NodeEngine) or another device, and the tree has the same bits.
#pragma once

#include <cstdint>
#include <span>

#include "backends/cpu/grow_tree_growth.h"
#include "backends/cpu/grow_tree_histogram.h"

namespace assay::backends::cpu {

// Works on the nodes of one Growth.
class NodeSplitter {
 public:
  virtual ~NodeSplitter() = default;
  // Finds the best split of the root.
  virtual Status open_root() = 0;
  // Divides the rows of a node that has a split, adds its children, and finds the best splits of
  // those with more than `least_rows` rows.
  virtual Status split(int32_t node, int64_t least_rows) = 0;
  // The same without finding splits.
  virtual Status split_last(int32_t node) = 0;
};

// Makes histograms that the host searches.
class HistogramSource {
 public:
  virtual ~HistogramSource() = default;
  // Sums of `rows`, a part of growth.order, into `words` [plan.word_count()].
  virtual Status build(const ColumnPlan& plan, std::span<const uint32_t> rows, int64_t* words) = 0;
};

}  // namespace assay::backends::cpu
