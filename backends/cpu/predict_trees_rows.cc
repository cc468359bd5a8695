#include "backends/cpu/predict_trees_rows.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace assay::backends::cpu {
namespace {

using kernels::PredictTreesArgs;
using kernels::PredictTreesProblem;

constexpr size_t kTogether = 6;      // trees walked together
constexpr int64_t kCopiedBins = 16;  // of a row for each tree, that copying them pays

// Trees that a row is sent through together, step by step.
struct TreeGroup {
  const kernels::TreeNode* nodes[kTogether];
  const kernels::CategorySet* sets[kTogether];
  uint32_t at[kTogether];  // node numbers
};

// From each split a step down, from a leaf none. Whether any moved. No branches but for categories:
// where a row goes is as good as random. `row` has a byte in front, which leaves read.
template <bool kSets>
bool step_all(const uint8_t* row, TreeGroup& group) {
  int32_t all_leaves = -1;
  for (size_t k = 0; k < kTogether; ++k) {
    const kernels::TreeNode& node = group.nodes[k][group.at[k]];
    const int32_t leaf = node.feature >> 31;  // all bits or none
    const uint32_t bin = row[node.feature];
    // Where missing goes right it counts as the greatest bin.
    const uint32_t missing_left = node.missing_left != 0 ? 1 : 0;
    uint32_t left = ((bin + missing_left - 1) & 255) < node.threshold + missing_left ? 1 : 0;
    if (kSets && node.category_set >= 0 && leaf == 0) {
      left = group.sets[k][node.category_set].contains(static_cast<uint8_t>(bin)) ? 1 : 0;
    }
    const uint32_t child = static_cast<uint32_t>(node.left) + 1 - left;
    const auto stays = static_cast<uint32_t>(leaf);
    group.at[k] = (group.at[k] & stays) | (child & ~stays);
    all_leaves &= leaf;
  }
  return all_leaves == 0;
}

// Rows [begin, end), one by one, several trees at a time: a row waits for memory at every step.
template <bool kSets>
void predict_rows_together(const PredictTreesProblem& problem, const PredictTreesArgs& args,
                           const ChunkRange& range) {
  const kernels::ForestView& forest = args.forest;
  std::vector<uint8_t> bytes(static_cast<size_t>(problem.feature_count) + 1);
  uint8_t* row = bytes.data() + 1;
  for (int64_t i = range.begin; i < range.end; ++i) {
    const int64_t number = args.rows == nullptr ? i : int64_t{args.rows[i]};
    copy_row(args.bins, number, row);
    for (int64_t tree = problem.tree_begin; tree < problem.tree_end;) {
      TreeGroup group;
      for (size_t k = 0; k < kTogether; ++k) {  // of too few the last again
        const auto t = std::min(tree + static_cast<int64_t>(k), problem.tree_end - 1);
        group.nodes[k] = forest.nodes + forest.node_offsets[t];
        group.sets[k] = forest.category_sets + forest.category_set_offsets[t];
        group.at[k] = 0;
      }
      while (step_all<kSets>(row, group)) {
      }
      for (size_t k = 0; k < kTogether && tree < problem.tree_end; ++k, ++tree) {
        const int64_t leaf = forest.leaf_offsets[tree] + group.nodes[k][group.at[k]].left;
        const float* values = forest.leaf_values + leaf * problem.leaf_width;
        double* scores = args.scores + i * problem.output_count +
                         tree * problem.leaf_width % problem.output_count;
        for (int32_t w = 0; w < problem.leaf_width; ++w) scores[w] += double{values[w]};
      }
    }
  }
}

// The same for rows so wide that copying one costs more than it saves.
void predict_rows(const PredictTreesProblem& problem, const PredictTreesArgs& args,
                  const ChunkRange& range) {
  const kernels::ForestView& forest = args.forest;
  for (int64_t tree = problem.tree_begin; tree < problem.tree_end; ++tree) {
    const kernels::TreeNode* nodes = forest.nodes + forest.node_offsets[tree];
    const kernels::CategorySet* sets = forest.category_sets + forest.category_set_offsets[tree];
    const float* leaves = forest.leaf_values + forest.leaf_offsets[tree] * problem.leaf_width;
    const int64_t first = tree * problem.leaf_width % problem.output_count;
    for (int64_t i = range.begin; i < range.end; ++i) {
      const int64_t row = args.rows == nullptr ? i : int64_t{args.rows[i]};
      const kernels::TreeNode* node = nodes;
      while (!node->is_leaf()) {
        const uint8_t bin = args.bins.bins[args.bins.cell_offset(row, node->feature)];
        node = nodes + node->left + (goes_left(*node, sets, bin) ? 0 : 1);
      }
      const float* values = leaves + int64_t{node->left} * problem.leaf_width;
      double* scores = args.scores + i * problem.output_count + first;
      for (int32_t k = 0; k < problem.leaf_width; ++k) scores[k] += double{values[k]};
    }
  }
}

}  // namespace

void copy_row(const kernels::BinnedView& bins, int64_t number, uint8_t* row) {
  for (int32_t b = 0; b < bins.block_count(); ++b) {
    const int64_t width = bins.block_width(b);
    std::memcpy(row + b * kernels::kBlockWidth, bins.bins + bins.block_offset(b) + number * width,
                static_cast<size_t>(width));
  }
}

void predict_single_rows(const PredictTreesProblem& problem, const PredictTreesArgs& args,
                         const ChunkRange& range) {
  const int64_t tree_count = problem.tree_end - problem.tree_begin;
  if (problem.feature_count > tree_count * kCopiedBins) return predict_rows(problem, args, range);
  const bool sets = args.forest.category_sets != nullptr;
  (sets ? predict_rows_together<true> : predict_rows_together<false>)(problem, args, range);
}

}  // namespace assay::backends::cpu
