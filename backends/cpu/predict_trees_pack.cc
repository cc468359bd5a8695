#include "backends/cpu/predict_trees_pack.h"

#include <algorithm>
#include <span>

namespace assay::backends::cpu {
namespace {

constexpr int64_t kTreesPerTask = 16;
constexpr uint32_t kCategorical = 1u << 31;
// What fits a short node: 12 bits of pair, 11 of feature.
constexpr int32_t kShortNodes = 2 * 4095;
constexpr int32_t kShortFeatures = 2046;

// `full` is the column that holds 255.
uint32_t rule_of(const kernels::TreeNode& node, uint32_t full) {
  const auto feature = static_cast<uint32_t>(node.feature) << 9;
  if (node.category_set >= 0) return kCategorical | feature;
  if (node.missing_left != 0) return feature | node.threshold;
  if (node.threshold == 0) return full << 9;  // everything goes right
  return feature | (1u << 8) | (node.threshold - 1u);
}

// One tree into its places.
void pack_tree(const kernels::TreeNode* nodes, uint32_t full, PackedTree& tree,
               PackedTrees& packed) {
  const auto count = static_cast<size_t>(tree.node_count);
  const auto first = static_cast<size_t>(tree.first_node);
  std::vector<uint32_t> numbers(count, 0);
  std::vector<int32_t> depths(count, 0);
  uint32_t pair = 0;
  for (size_t i = 0; i < count; ++i) {
    const kernels::TreeNode& node = nodes[i];
    const size_t place = first + numbers[i];
    if (node.is_leaf()) {
      packed.rules[place] = (full << 9) | (numbers[i] % 2 == 1 ? 255u : 0u);
      packed.pairs[place] = (numbers[i] + 1) / 2;
      packed.leaves[place] = node.left;
      continue;
    }
    ++pair;
    packed.rules[place] = rule_of(node, full);
    packed.pairs[place] = pair;
    packed.leaves[place] = node.category_set;
    tree.has_sets = tree.has_sets || node.category_set >= 0;
    const auto child = static_cast<size_t>(node.left);
    numbers[child] = 2 * pair - 1;
    numbers[child + 1] = 2 * pair;
    depths[child] = depths[child + 1] = depths[i] + 1;
    tree.depth = std::max(tree.depth, depths[child]);
  }
}

// The second form of a tree that has the first.
void list_splits(const PackedTree& tree, PackedTrees& packed) {
  SweepSplit* split = packed.splits.data() + tree.first_split;
  auto leaf = static_cast<size_t>(tree.first_leaf_node);
  for (int32_t i = 0; i < tree.node_count; ++i) {
    const auto place = static_cast<size_t>(tree.first_node + i);
    const uint32_t rule = packed.rules[place];
    // A leaf leads back to itself.
    const bool is_leaf = packed.pairs[place] == static_cast<uint32_t>(i + 1) / 2;
    if (is_leaf) {
      packed.leaf_nodes[leaf] = static_cast<uint16_t>(i);
      packed.leaf_numbers[leaf++] = packed.leaves[place];
      continue;
    }
    SweepSplit& own = split[packed.pairs[place] - 1];
    own.feature = (rule >> 9) & 0x3fffff;
    own.node = static_cast<uint16_t>(i);
    own.shift = static_cast<uint8_t>((rule >> 8) & 1);
    own.limit = static_cast<uint8_t>(rule & 255);
    own.set = (rule & kCategorical) != 0 ? packed.leaves[place] : -1;
  }
}

// Short nodes, where every tree's numbers fit.
void shorten(int32_t feature_count, PackedTrees& packed) {
  const bool fits =
      feature_count <= kShortFeatures &&
      std::all_of(packed.trees.begin(), packed.trees.end(), [](const PackedTree& tree) {
        return tree.node_count <= kShortNodes && !tree.has_sets;
      });
  if (!fits) return;
  packed.short_nodes.resize(packed.rules.size());
  for (size_t i = 0; i < packed.rules.size(); ++i) {
    packed.short_nodes[i] = (packed.pairs[i] << 20) | packed.rules[i];
  }
}

}  // namespace

int32_t count_nodes(const kernels::TreeNode* nodes) {
  int32_t count = 1;
  for (int32_t i = 0; i < count; ++i) {
    if (!nodes[i].is_leaf()) count += 2;
  }
  return count;
}

const char PackedTrees::kType = 0;

int64_t PackedTrees::byte_count() const {
  return static_cast<int64_t>(sizeof *this + std::span(rules).size_bytes() +
                              std::span(pairs).size_bytes() + std::span(leaves).size_bytes() +
                              std::span(trees).size_bytes() + std::span(short_nodes).size_bytes() +
                              std::span(splits).size_bytes() + std::span(leaf_nodes).size_bytes() +
                              std::span(leaf_numbers).size_bytes());
}

bool PackedTrees::can_hold(const kernels::PredictTreesProblem& problem,
                           const kernels::ForestView& forest) {
  constexpr int64_t kMaxFeatures = (1 << 22) - 1;
  // The last leaf of the range bounds every leaf number in it.
  const int64_t last = problem.tree_end - 1;
  const int64_t leaves = forest.leaf_offsets[last] - forest.leaf_offsets[problem.tree_begin] +
                         count_nodes(forest.nodes + forest.node_offsets[last]);
  return problem.feature_count <= kMaxFeatures && leaves * forest.leaf_width <= INT32_MAX;
}

Result<std::unique_ptr<PackedTrees>> pack_trees(Executor& executor,
                                                const kernels::PredictTreesProblem& problem,
                                                const kernels::ForestView& forest) {
  auto made = std::make_unique<PackedTrees>();
  PackedTrees& packed = *made;
  packed.tree_begin = problem.tree_begin;
  packed.tree_end = problem.tree_end;
  packed.feature_count = problem.feature_count;
  int64_t node_count = 0;
  int64_t split_count = 0;
  int64_t leaf_count = 0;
  for (int64_t t = problem.tree_begin; t < problem.tree_end; ++t) {
    PackedTree tree;
    tree.first_node = node_count;
    tree.first_set = forest.category_set_offsets[t];
    tree.first_leaf = forest.leaf_offsets[t];
    tree.node_count = count_nodes(forest.nodes + forest.node_offsets[t]);
    node_count += tree.node_count;
    tree.sweeps = tree.leaf_count() <= kSweepLeaves;
    if (tree.sweeps) {
      tree.first_split = split_count;
      tree.first_leaf_node = leaf_count;
      split_count += tree.split_count();
      leaf_count += tree.leaf_count();
    }
    packed.trees.push_back(tree);
  }
  packed.rules.resize(static_cast<size_t>(node_count));
  packed.pairs.resize(packed.rules.size());
  packed.leaves.resize(packed.rules.size());
  packed.splits.resize(static_cast<size_t>(split_count));
  packed.leaf_nodes.resize(static_cast<size_t>(leaf_count));
  packed.leaf_numbers.resize(packed.leaf_nodes.size());
  const auto tree_count = static_cast<int64_t>(packed.trees.size());
  ASSAY_RETURN_IF_ERROR(
      executor.parallel_for(chunk_count_of(tree_count, kTreesPerTask), [&](int64_t chunk, int) {
        const ChunkRange range = chunk_range(tree_count, kTreesPerTask, chunk);
        for (int64_t t = range.begin; t < range.end; ++t) {
          pack_tree(forest.nodes + forest.node_offsets[problem.tree_begin + t],
                    static_cast<uint32_t>(problem.feature_count),
                    packed.trees[static_cast<size_t>(t)], packed);
          if (packed.trees[static_cast<size_t>(t)].sweeps) {
            list_splits(packed.trees[static_cast<size_t>(t)], packed);
          }
        }
      }));
  shorten(problem.feature_count, packed);
  return made;
}

}  // namespace assay::backends::cpu
