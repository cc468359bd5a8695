// Decision trees over binned features, as data: what grow_tree makes, predict_trees reads and model
// files hold.
//
// A node is a split or a leaf. The children of a split are neighbours: `left` and `left + 1`. Nodes
// are numbered in order of creation: the root is 0, the k-th split (k = 1, 2, ...) makes nodes
// 2k - 1 and 2k. Leaves are numbered 0, 1, ... by increasing node number.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/base/status.h"
#include "kernels/tree_node.h"

namespace assay::kernels {

// One tree, in the host's memory.
struct Tree {
  std::vector<TreeNode> nodes;
  std::vector<CategorySet> category_sets;
  std::vector<float> leaf_values;  // [leaf_count, leaf_width] row-major
  std::vector<float> gains;        // [node count] gain of a split, 0 at leaves
  std::vector<float> covers;       // [node count] rows of the sample that reached the node
  bool operator==(const Tree&) const = default;
};

// Trees packed, with ownership. Append only.
class Forest {
 public:
  Forest(int32_t leaf_width, int32_t output_count)
      : leaf_width_(leaf_width), output_count_(output_count) {}
  void append(const Tree& tree);
  // Makes room for `tree_count` trees in all, if they are like those that it has.
  void reserve(int64_t tree_count);
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
