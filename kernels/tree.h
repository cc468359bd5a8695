// Decision trees over binned features, as data: what grow_tree makes, predict_trees reads and model
// files hold.
//
// A node is a split or a leaf. The children of a split are neighbours: `left` and `left + 1`. Nodes
// are numbered in order of creation: the root is 0, the k-th split (k = 1, 2, ...) makes nodes
// 2k - 1 and 2k. Leaves are numbered 0, 1, ... by increasing node number.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/base/status.h"
#include "kernels/binned_view.h"

namespace assay::kernels {

struct TreeNode {
  int32_t feature = -1;  // -1: a leaf
  int32_t left = 0;      // split: the left child's node number in this tree. Leaf: its leaf number
  int32_t category_set = -1;  // categorical split: index of its set in this tree, else -1
  uint8_t threshold = 0;      // numeric split: value bins 1..threshold go left, the others right
  uint8_t missing_left = 0;   // numeric split: where kMissingBin goes
  uint8_t reserved[2] = {0, 0};

  bool is_leaf() const { return feature < 0; }
  bool operator==(const TreeNode&) const = default;
};
static_assert(sizeof(TreeNode) == 16);

// The bins of a categorical split that go left: bit b of the 256.
struct CategorySet {
  std::array<uint32_t, 8> words{};
  bool contains(uint8_t bin) const { return ((words[bin >> 5] >> (bin & 31)) & 1u) != 0; }
  void insert(uint8_t bin) { words[bin >> 5] |= 1u << (bin & 31); }
  bool operator==(const CategorySet&) const = default;
};

inline bool goes_left(const TreeNode& node, const CategorySet* sets, uint8_t bin) {
  if (node.category_set >= 0) return sets[node.category_set].contains(bin);
  return bin == kMissingBin ? node.missing_left != 0 : bin <= node.threshold;
}

// One tree, in the host's memory.
struct Tree {
  std::vector<TreeNode> nodes;
  std::vector<CategorySet> category_sets;
  std::vector<float> leaf_values;  // [leaf_count, leaf_width] row-major
  std::vector<float> gains;        // [node count] gain of a split, 0 at leaves
  std::vector<float> covers;       // [node count] rows of the sample that reached the node
  bool operator==(const Tree&) const = default;
};

// Trees packed one behind the other, as prediction reads them. Non-owning; the addresses are on the
// device that runs the op. `left` and `category_set` stay relative to their tree.
struct ForestView {
  const TreeNode* nodes = nullptr;
  const CategorySet* category_sets = nullptr;
  const float* leaf_values = nullptr;
  // Each [tree_count]: where a tree's nodes, sets and leaves (in leaves, not values) begin.
  const int64_t* node_offsets = nullptr;
  const int64_t* category_set_offsets = nullptr;
  const int64_t* leaf_offsets = nullptr;
  int64_t tree_count = 0;
  // Values a leaf has. Tree t adds them to outputs (t * leaf_width) % output_count and following:
  // width 1 is boosting (one tree an output, in turn), width output_count a forest.
  int32_t leaf_width = 1;
  int32_t output_count = 1;
};

// Trees packed, with ownership. Append only.
class Forest {
 public:
  Forest(int32_t leaf_width, int32_t output_count)
      : leaf_width_(leaf_width), output_count_(output_count) {}
  void append(const Tree& tree);
  // Drops trees from `tree_count` on.
  void truncate(int64_t tree_count);
  int64_t tree_count() const { return static_cast<int64_t>(node_offsets_.size()); }
  int32_t leaf_width() const { return leaf_width_; }
  int32_t output_count() const { return output_count_; }
  Tree tree(int64_t index) const;
  ForestView view() const;  // host addresses, valid until the forest changes
  int64_t byte_count() const;
  // Fails: data unless every index is in range, every split's children lie behind it, every node
  // but the root has one parent, and every feature is below `feature_count`: a forest that passes
  // cannot make prediction read out of bounds or loop. Files are read through this.
  Status check(int32_t feature_count) const;

  std::span<const TreeNode> nodes() const { return nodes_; }
  std::span<const CategorySet> category_sets() const { return category_sets_; }
  std::span<const float> leaf_values() const { return leaf_values_; }
  std::span<const float> gains() const { return gains_; }
  std::span<const float> covers() const { return covers_; }
  std::span<const int64_t> node_offsets() const { return node_offsets_; }
  std::span<const int64_t> category_set_offsets() const { return category_set_offsets_; }
  std::span<const int64_t> leaf_offsets() const { return leaf_offsets_; }

  // The parts of a packed forest, as a file holds them.
  struct Parts {
    std::vector<TreeNode> nodes;
    std::vector<CategorySet> category_sets;
    std::vector<float> leaf_values;
    std::vector<float> gains;
    std::vector<float> covers;
    std::vector<int64_t> node_offsets;
    std::vector<int64_t> category_set_offsets;
    std::vector<int64_t> leaf_offsets;
  };
  // Fails: data as `check` does, and if the parts' sizes do not fit together.
  static Result<Forest> from_parts(Parts parts, int32_t leaf_width, int32_t output_count,
                                   int32_t feature_count);

 private:
  int32_t leaf_width_;
  int32_t output_count_;
  std::vector<TreeNode> nodes_;
  std::vector<CategorySet> category_sets_;
  std::vector<float> leaf_values_;
  std::vector<float> gains_;
  std::vector<float> covers_;
  std::vector<int64_t> node_offsets_;
  std::vector<int64_t> category_set_offsets_;
  std::vector<int64_t> leaf_offsets_;
};

}  // namespace assay::kernels
