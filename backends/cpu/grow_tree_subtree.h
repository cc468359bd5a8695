// Grows whole subtrees of few rows on one thread, deep as they may be: what forests grown to purity
// spend their time on.
//
// The subtree's rows are renumbered 0, 1, ... and their columns copied beside one another when
// first used, so that all later work stays in the nearest cache. A node's histogram of a column is
// only touched where its rows are: a bitmap says which bins to read and to clear again. A feature
// that all rows of a node have in one bin is not looked at again below it: of sparse columns, deep
// in a tree, nearly all are so.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backends/cpu/grow_tree_growth.h"
#include "backends/cpu/grow_tree_search.h"

namespace assay::backends::cpu {

// The sums of one feature's bins: an array that is all 0 between uses, and the bins that occur.
struct SubtreeBins {
  std::vector<int64_t> words;  // [256, lanes]
  std::vector<int64_t> sums;   // [bins that occur, lanes]
  uint8_t codes[256] = {};
};

// Features by number, a bit each.
using FeatureBits = std::vector<uint64_t>;

// Working memory of one thread, kept between subtrees.
class SubtreeGrower {
 public:
  SubtreeGrower(Growth& growth, const SplitSearch& search);
  // Grows everything below `root` (not in the growth's nodes yet) and orders its rows. Returns
  // `root` and its descendants, children by their place in the result. Stops early, with whatever
  // it has, if the stop token asks.
  std::vector<GrownNode> grow(const GrownNode& root);

 private:
  void load(const GrownNode& root);
  const uint8_t* column(int32_t feature);
  void load_words(const GrownNode& node);
  SplitChoice find_split(const GrownNode& node);
  FeatureSums sums_of(const GrownNode& node, int32_t feature);
  bool is_constant(int32_t feature) const {
    return (constant_[static_cast<size_t>(feature) / 64] >> (feature % 64) & 1) != 0;
  }
  void note_constant(int32_t feature) {
    constant_[static_cast<size_t>(feature) / 64] |= uint64_t{1} << (feature % 64);
  }
  // A numeric feature in random-threshold mode, from the rows alone.
  void try_random(const NodeSearch& search, const GrownNode& node, int32_t feature,
                  SplitChoice& best);
  int64_t partition(const GrownNode& node);
  template <class Side>
  int64_t partition_by(const GrownNode& node, const uint8_t* cells, Side goes_left);
  // The node's local rows.
  std::span<const uint32_t> index_of(const GrownNode& node) const {
    return {index_.data() + (node.begin - base_), static_cast<size_t>(node.row_count())};
  }

  Growth& growth_;
  const SplitSearch& search_;
  std::vector<int32_t> features_;       // the usable ones, ascending
  std::vector<int32_t> column_places_;  // [feature_count]: -1, or which of columns_ it is
  int32_t column_count_ = 0;
  std::vector<uint8_t> columns_;  // [column_count_, row_count]
  int64_t row_count_ = 0;
  int64_t base_ = 0;              // first place in the growth's order
  std::vector<uint32_t> rows_;    // of the matrix, by local row
  std::vector<uint32_t> packed_;  // quantised, by local row
  std::vector<uint32_t> index_;   // local rows, node by node
  std::vector<uint32_t> scratch_;
  // Of the node at hand.
  std::vector<int64_t> words_;      // each row's
  std::vector<int32_t> row_lanes_;  // class mode: each row's lane
  std::vector<int32_t> lane_of_;    // [classes]: -1, or the class's lane in this node
  std::vector<int64_t> totals_;     // [lanes]
  bool all_have_mass_ = false;
  FeatureBits constant_;  // known to be in one bin
  FeatureBits waiting_;   // those of nodes that are still to be searched, side by side
  // Of the feature at hand.
  SubtreeBins bins_;
  std::vector<uint8_t> row_bins_;
  std::vector<int64_t> side_words_;
  SearchScratch search_scratch_;
};

}  // namespace assay::backends::cpu
