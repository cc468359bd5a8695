// The order in which nodes are split, and splitting in that order with a thread for each node.
//
// Nodes are split the best first until the leaves are used up. What a split gives does not depend
// on that order, so nodes may be split before their turn comes: whoever has nothing to do takes the
// best open node that nobody has taken. A split counts when all better ones have been counted. One
// whose turn never comes is taken back, so the tree is the same for any number of threads.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "backends/cpu/grow_tree_splitter.h"

namespace assay::backends::cpu {

class SplitOrder {
 public:
  // Begins with the root, whose split has been found.
  explicit SplitOrder(Growth& growth);

  // Whether no split is to come.
  bool done() const { return splits_left_ == 0 || open_.empty(); }
  int32_t splits_left() const { return splits_left_; }
  // Nodes whose turn has not come, the best first.
  std::vector<int32_t> open() const;

  // The best node that nobody has taken; -1 if there is none, or if half as many are ahead of their
  // turn as there are splits left: its own turn may never come.
  int32_t take();
  // A node that was taken is split.
  void note_split(int32_t node);
  // Counts splits whose turn has come.
  void advance();
  // Takes back those whose turn will not come.
  void close();

 private:
  struct Open {
    double gain = 0;
    int32_t number = 0;  // in the finished tree
    int32_t node = 0;
    bool operator<(const Open& other) const {
      return gain != other.gain ? gain > other.gain : number < other.number;
    }
  };
  GrownNode& node_at(int32_t node) { return growth_.nodes[static_cast<size_t>(node)]; }
  void add(int32_t node);

  Growth& growth_;
  std::set<Open> open_;
  std::set<Open> waiting_;      // those of them that nobody has taken
  std::vector<uint8_t> split_;  // by node: whether it is split
  int32_t ahead_ = 0;           // nodes that are taken, and whose turn has not come
  int32_t next_number_ = 0;
  int32_t splits_left_;
};

// Goes on in that order to the end with all threads of the growth's executor, or until it is asked
// to stop. Fails: as the splitter.
Status split_together(Growth& growth, StepSplitter& splitter, SplitOrder& order);

}  // namespace assay::backends::cpu
