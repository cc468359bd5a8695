// Where the growing of a tree and the work on its nodes meet: what finds splits and divides rows
// may be the CPU (NodeEngine) or another device, and the tree has the same bits.
#pragma once

#include <cstdint>
#include <span>

#include "backends/cpu/grow_tree_growth.h"
#include "backends/cpu/grow_tree_histogram.h"

namespace assay::backends::cpu {

// Splits nodes by steps, several at once, a thread each. Only run() may be called by more than one
// thread at a time; `thread` [0, the executor's count) says whose node it is.
class StepSplitter {
 public:
  virtual ~StepSplitter() = default;
  // Whether there is room for `splits_left` splits from here on, done that way.
  virtual bool has_room(int32_t splits_left) const = 0;
  // Whether it pays, for these nodes and what follows. Looks at each of them.
  virtual bool splits_apart(std::span<const int32_t> open, int32_t splits_left) const = 0;
  // Makes room for the children of a node that has a split.
  virtual void begin(int32_t node, bool opens, int thread) = 0;
  // Divides its rows and, if it opens them, finds the best splits of its children.
  virtual Status run(int thread) = 0;
  // Gives back what is not needed.
  virtual void end(int thread) = 0;
};

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
  // The same by steps; null if that is never better.
  virtual StepSplitter* steps() { return nullptr; }
};

// Makes histograms that the host searches.
class HistogramSource {
 public:
  virtual ~HistogramSource() = default;
  // Sums of `rows`, a part of growth.order, into `words` [plan.word_count()].
  virtual Status build(const ColumnPlan& plan, std::span<const uint32_t> rows, int64_t* words) = 0;
};

}  // namespace assay::backends::cpu
