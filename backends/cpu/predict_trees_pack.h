// Trees in the form that the vector walk reads: a few 32-bit words a node, leaves that lead back to
// themselves, so that rows in different depths can go on together.
//
// Nodes are renumbered: the root is 0 and the k-th split has children 2k - 1 and 2k, so a split
// knows its children by k, its pair. A row goes right if ((bin - shift) mod 256) > limit: with
// shift 1 the missing bin 0 becomes the greatest. A leaf reads one column more than there are,
// which holds 255, with its own pair and a limit that sends it back to itself.
//
// Trees of at most kSweepLeaves leaves have a second form, for the sweep
// (predict_trees_sweep_simd.h): their splits in order of pairs, and the nodes of their leaves.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/forest_cache.h"
#include "kernels/predict_trees.h"

namespace assay::backends::cpu {

inline constexpr int32_t kSweepLeaves = 256;

struct SweepSplit {
  uint32_t feature = 0;
  uint16_t node = 0;  // its number; its children are 2k - 1 and 2k, k being its place from 1 on
  uint8_t shift = 0;  // as in rules
  uint8_t limit = 0;
  int32_t set = -1;  // a categorical split's
};

struct PackedTree {
  int64_t first_node = 0;  // in the arrays below
  int64_t first_set = 0;   // in the forest's category sets
  int64_t first_leaf = 0;  // in the forest's leaves
  int32_t node_count = 0;
  int32_t depth = 0;
  bool has_sets = false;
  bool sweeps = false;
  int64_t first_split = 0;      // in splits
  int64_t first_leaf_node = 0;  // in leaf_nodes
  int32_t split_count() const { return node_count / 2; }
  int32_t leaf_count() const { return node_count / 2 + 1; }
};

struct PackedTrees final : kernels::ForestCache::Item {
  static const char kType;

  // feature << 9 | shift << 8 | limit; bit 31 marks a categorical split.
  std::vector<uint32_t> rules;
  std::vector<uint32_t> pairs;
  std::vector<int32_t> leaves;  // leaf number; at a categorical split its set
  std::vector<PackedTree> trees;
  // One word a node that holds pair << 20 | rule, where all trees are small enough; else empty.
  std::vector<uint32_t> short_nodes;
  // Of trees that sweep.
  std::vector<SweepSplit> splits;
  std::vector<uint16_t> leaf_nodes;   // ascending
  std::vector<int32_t> leaf_numbers;  // of the same leaves; a file need not number them in order
  // Which trees of the forest they are, and the columns of the rows.
  int64_t tree_begin = 0;
  int64_t tree_end = 0;
  int32_t feature_count = 0;

  bool fits(const kernels::PredictTreesProblem& problem) const {
    return problem.tree_begin == tree_begin && problem.tree_end == tree_end &&
           problem.feature_count == feature_count;
  }
  // Whether columns and leaf values can be numbered in the bits they have.
  static bool can_hold(const kernels::PredictTreesProblem& problem,
                       const kernels::ForestView& forest);
  int64_t byte_count() const override;
};

// Nodes of a tree: two for each of its splits, and the root.
int32_t count_nodes(const kernels::TreeNode* nodes);

// Trees [tree_begin, tree_end) of the problem. `executor` shares them among threads.
Result<std::unique_ptr<PackedTrees>> pack_trees(Executor& executor,
                                                const kernels::PredictTreesProblem& problem,
                                                const kernels::ForestView& forest);

}  // namespace assay::backends::cpu
