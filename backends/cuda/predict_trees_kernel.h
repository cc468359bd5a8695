// The kernel of predict_trees: a thread walks its row down every tree in ascending order, so that
// sums have the bits of the contract.
#pragma once

#include "backends/cuda/block.h"
#include "kernels/tree_node.h"

namespace assay::backends::cuda {

struct PredictTreesKernel {
  static constexpr int32_t kThreads = 128;

  // Grid: x blocks of kThreads rows. Of `bins` the host's arrays are not read.
  struct Params {
    kernels::BinnedView bins;
    kernels::ForestView forest;
    const uint32_t* rows;  // or null
    double* scores;
    int64_t row_count;
    int64_t tree_begin;
    int64_t tree_end;
    int32_t leaf_width;
    int32_t output_count;
  };

  ASSAY_DEVICE static int32_t leaf_of(const Params& params, int64_t tree, int64_t row) {
    const kernels::TreeNode* nodes = params.forest.nodes + params.forest.node_offsets[tree];
    const kernels::CategorySet* sets =
        params.forest.category_sets + params.forest.category_set_offsets[tree];
    kernels::TreeNode node = nodes[0];
    while (!node.is_leaf()) {
      const uint8_t bin = params.bins.bins[params.bins.cell_offset(row, node.feature)];
      node = nodes[node.left + (kernels::goes_left(node, sets, bin) ? 0 : 1)];
    }
    return node.left;
  }

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    block.each([&](int32_t thread) {
      const int64_t i = block.x() * kThreads + thread;
      if (i >= params.row_count) return;
      const int64_t row = params.rows == nullptr ? i : int64_t{params.rows[i]};
      double* scores = params.scores + i * params.output_count;
      for (int64_t tree = params.tree_begin; tree < params.tree_end; ++tree) {
        const int64_t leaf = params.forest.leaf_offsets[tree] + leaf_of(params, tree, row);
        const int64_t first = tree * params.leaf_width % params.output_count;
        const float* values = params.forest.leaf_values + leaf * params.leaf_width;
        for (int32_t k = 0; k < params.leaf_width; ++k) {
          scores[first + k] = scores[first + k] + static_cast<double>(values[k]);
        }
      }
    });
  }
};

}  // namespace assay::backends::cuda
