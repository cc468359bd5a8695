// The parts of decision trees that devices read: nodes, sets of categories, and packed trees. See
// kernels/tree.h for what they mean and how nodes are numbered. Plain data, non-owning.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/base/host_device.h"
#include "kernels/binned_view.h"

namespace assay::kernels {

struct TreeNode {
  int32_t feature = -1;  // -1: a leaf
  int32_t left = 0;      // split: the left child's node number in this tree. Leaf: its leaf number
  int32_t category_set = -1;  // categorical split: index of its set in this tree, else -1
  uint8_t threshold = 0;      // numeric split: value bins 1..threshold go left, the others right
  uint8_t missing_left = 0;   // numeric split: where kMissingBin goes
  uint8_t reserved[2] = {0, 0};

  ASSAY_HOST_DEVICE bool is_leaf() const { return feature < 0; }
  bool operator==(const TreeNode&) const = default;
};
static_assert(sizeof(TreeNode) == 16);

// The bins of a categorical split that go left: bit b of the 256.
struct CategorySet {
  std::array<uint32_t, 8> words{};
  ASSAY_HOST_DEVICE bool contains(uint8_t bin) const {
    return ((words[bin >> 5] >> (bin & 31)) & 1u) != 0;
  }
  ASSAY_HOST_DEVICE void insert(uint8_t bin) { words[bin >> 5] |= 1u << (bin & 31); }
  bool operator==(const CategorySet&) const = default;
};

ASSAY_HOST_DEVICE inline bool goes_left(const TreeNode& node, const CategorySet* sets,
                                        uint8_t bin) {
  if (node.category_set >= 0) return sets[node.category_set].contains(bin);
  return bin == kMissingBin ? node.missing_left != 0 : bin <= node.threshold;
}

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

}  // namespace assay::kernels
