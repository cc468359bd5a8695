// Nodes of trees made by hand.
#pragma once

#include <cstdint>

#include "kernels/tree.h"

namespace assay::kernels {

inline TreeNode split_node(int32_t feature, uint8_t threshold, int32_t left) {
  TreeNode node;
  node.feature = feature;
  node.threshold = threshold;
  node.left = left;
  return node;
}

inline TreeNode leaf_node(int32_t number) {
  TreeNode node;
  node.left = number;
  return node;
}

}  // namespace assay::kernels
