// TreeReplay: the nodes of a tree that the GPU has split so far, and the order in which the
// contract of grow_tree splits them.
//
// Asking the GPU for one split after the other would leave it waiting for the host each time. So
// nodes are split ahead: `wanted` names all that the tree would split next if their children had
// nothing to offer. `advance` then goes over the tree in the order of the contract (best gain
// first, or level by level) as far as it is known. Nodes that were split in vain, when children
// took the last leaves, stay leaves of the finished tree. Not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "backends/cuda/tree_tasks.h"
#include "kernels/grow_tree.h"
#include "kernels/tree_rules.h"

namespace assay::backends::cuda {

struct GrownNode {
  // Rows in the order of one side.
  int64_t begin = 0;
  int64_t end = 0;
  int32_t side = 0;
  int32_t depth = 0;
  uint64_t key = 0;  // once its split was searched for
  kernels::NodeLimits limits;
  FoundSplit split{};  // feature -1: none
  int32_t left = -1;   // place of the left child among the nodes, the right one is behind it; or -1
  int32_t slot = -1;   // of the histogram, or -1

  bool can_split() const { return split.feature >= 0; }
  int64_t row_count() const { return end - begin; }
};

class TreeReplay {
 public:
  // The tree is its root; `nodes` must get the root's split before `advance`.
  explicit TreeReplay(const kernels::GrowTreeProblem& problem);

  std::vector<GrownNode>& nodes() { return nodes_; }
  const std::vector<GrownNode>& nodes() const { return nodes_; }

  // Call once the root's split is known.
  void open_root();
  // Goes on as far as children are known.
  void advance();
  // The nodes to split next, none if the tree is finished.
  std::vector<int32_t> wanted() const;
  // Adds the children of a node; the left one has `left_count` rows. Their places.
  int32_t add_children(int32_t node, int64_t left_count, const kernels::SplitLimits& limits);

  // Splits a node whose children are known, for growth whose order is the caller's; in place of
  // open_root and advance.
  void split_next(int32_t node);

  // Of the finished tree: the nodes that are leaves, in order of their number.
  std::vector<int32_t> leaves() const;
  // Everything but the leaf values.
  void write(const kernels::BinnedView& bins, kernels::Tree& tree) const;

 private:
  struct Open {
    double gain;
    int32_t number;
    int32_t node;
  };
  // Open nodes, the one to split next in front: the greatest gain, lowest number on a tie; or the
  // lowest number, which is the order in which they come.
  class Queue {
   public:
    explicit Queue(bool by_gain) : by_gain_(by_gain) {}
    bool empty() const { return first_ == nodes_.size(); }
    const Open& front() const { return nodes_[first_]; }
    void push(const Open& open);
    void pop();

   private:
    static bool later(const Open& a, const Open& b) {
      return a.gain != b.gain ? a.gain < b.gain : a.number > b.number;
    }
    bool by_gain_;
    std::vector<Open> nodes_;  // by gain a heap, else from first_ on
    size_t first_ = 0;
  };
  void push_children(Queue& queue, int32_t node, int32_t left_number) const;

  int64_t max_leaves_;
  std::vector<GrownNode> nodes_;
  Queue open_;
  std::vector<int32_t> splits_;    // nodes in order of their splitting
  std::vector<int32_t> numbered_;  // the node of each number
};

}  // namespace assay::backends::cuda
