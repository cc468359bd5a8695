// What the host hands to the kernels of grow_tree for one batch of nodes, and what it gets back.
// Plain data, in one piece of the GPU's memory a batch.
//
// A split task is a node that is split: its rows [begin, end) in `order[side]` are divided into
// order[1 - side], the left child's from the front, the right one's from the back. Children are
// named by the task and a Part, since their sizes are known to the GPU first.
#pragma once

#include "backends/cuda/tree_sums.h"
#include "kernels/tree_node.h"

namespace assay::backends::cuda {

enum class Part : int32_t { kWhole, kLeft, kRight, kSmaller };

struct SplitTask {
  int64_t begin;
  int64_t end;
  int32_t tree;
  int32_t side;
  kernels::TreeNode rule;  // category_set 0: `set`
  kernels::CategorySet set;
};

// Rows of a child on either side, from 0.
struct SplitCounts {
  uint32_t left;
  uint32_t right;
};

struct RowRange {
  int64_t begin;
  int64_t end;
  int32_t side;
};

ASSAY_DEVICE inline RowRange range_of(const SplitTask& task, const SplitCounts& counts, Part part) {
  const int64_t middle = task.begin + int64_t{counts.left};
  if (part == Part::kWhole) return {task.begin, task.end, task.side};
  if (part == Part::kSmaller) {
    part = middle - task.begin <= task.end - middle ? Part::kLeft : Part::kRight;
  }
  if (part == Part::kLeft) return {task.begin, middle, 1 - task.side};
  return {middle, task.end, 1 - task.side};
}

// A piece of a node's rows: the `chunk`-th so many of a part of a task.
struct ChunkTask {
  int32_t task;
  Part part;
  int32_t chunk;
  int32_t slot;  // histograms: where the part's is
};

// The histogram of `slot` is that of `from` less that of `smaller`; `slot` may be `from`.
struct SubtractTask {
  int32_t slot;
  int32_t from;
  int32_t smaller;
};

// A node that wants a split. `slot` has the histogram of `built`; if that is another part (the
// smaller one), the node's own is in `parent_slot`.
struct SearchTask {
  uint64_t key;
  uint64_t groups;
  NodeBounds bounds;
  int32_t task;
  Part part;
  Part built;
  int32_t slot;
  int32_t parent_slot;
  int32_t first_feature;  // in the list of features to look at
  int32_t feature_count;
  // Where that is to be chosen on the GPU (ChooseColumnsKernel): the list to choose from, or 0.
  int32_t first_usable;
  int32_t usable_count;
};

// The best split of a node or of one feature of it.
struct FoundSplit {
  double gain;
  double middle;      // of the values of the sides, if there are constraints
  int32_t feature;    // -1: none
  int32_t threshold;  // -1: by `set`
  int32_t missing_left;
  int32_t added_l2;  // of a level of a symmetric tree: whether it is weighed with category_l2
  kernels::CategorySet set;
};

// A piece of the rows of a sample, whose tree is finished: where it is among those of the call.
struct LeafTask {
  int64_t begin;
  int64_t end;
  int32_t* leaf_of;  // of the tree, by position
  int32_t tree;
  int32_t first_node;
  int32_t first_set;
  int32_t first_sum;  // of its leaves: pairs, in class mode words
  int32_t leaf_count;
};

// A piece of the rows of a node that is in a leaf: [begin, end) in the order of one side.
struct RangeTask {
  int64_t begin;
  int64_t end;
  int32_t* leaf_of;  // of the tree, by position
  int32_t tree;
  int32_t side;
  int32_t leaf;
  int32_t first_sum;  // as LeafTask's
};

}  // namespace assay::backends::cuda
