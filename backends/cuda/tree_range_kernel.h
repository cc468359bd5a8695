// The kernel of grow_tree that gives rows their leaves, and leaves their sums, without the table:
// the rows of each node lie together since its parent was divided. For tables that stream, whose
// rows would have to come once more to walk down the tree (LeafSumsKernel, LeafWeightsKernel).
#pragma once

#include "backends/cuda/block.h"
#include "backends/cuda/tree_row_kernels.h"
#include "backends/cuda/tree_tasks.h"

namespace assay::backends::cuda {

struct RangeSumsKernel {
  static constexpr int32_t kThreads = 256;
  static constexpr int64_t kMostRows = 8192;  // of a task

  // Grid: x tasks. `sums` are those of LeafSumsKernel; trees that count classes: of
  // LeafWeightsKernel.
  struct Params {
    const TreeRules* trees;
    const RangeTask* tasks;
    uint64_t* sums;  // from 0
  };

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    block.each([&](int32_t thread) {
      // Copies: what is written could be anywhere, as far as compilers know.
      const RangeTask task = params.tasks[block.x()];
      const TreeRules rules = params.trees[task.tree];
      if (rules.class_count > 0) {
        add_classes(rules, task, thread, params.sums);
      } else {
        add_gradients(rules, task, thread, params.sums);
      }
    });
  }

 private:
  ASSAY_DEVICE static void add_gradients(const TreeRules& rules, const RangeTask& task,
                                         int32_t thread, uint64_t* sums) {
    uint64_t gradients = 0;
    uint64_t hessians = 0;
    for (int64_t i = task.begin + thread; i < task.end; i += kThreads) {
      const uint32_t position = rules.order[task.side][i].position();
      task.leaf_of[position] = task.leaf;
      const int64_t row = rules.row_of(position);
      const double gradient = static_cast<double>(rules.gradients[row]) * rules.gradient_scale;
      const double hessian = static_cast<double>(rules.hessians[row]) * rules.hessian_scale;
      gradients += static_cast<uint64_t>(round_to_even(gradient));
      hessians += static_cast<uint64_t>(round_to_even(hessian));
    }
    uint64_t* pair = sums + 2 * (int64_t{task.first_sum} + task.leaf);
    if (gradients != 0) add_to(pair, gradients);
    if (hessians != 0) add_to(pair + 1, hessians);
  }

  ASSAY_DEVICE static void add_classes(const TreeRules& rules, const RangeTask& task,
                                       int32_t thread, uint64_t* sums) {
    uint64_t* words = sums + task.first_sum + int64_t{task.leaf} * rules.class_count;
    for (int64_t i = task.begin + thread; i < task.end; i += kThreads) {
      const uint32_t position = rules.order[task.side][i].position();
      task.leaf_of[position] = task.leaf;
      const int64_t row = rules.row_of(position);
      const float weight = rules.weights == nullptr ? 1.0f : rules.weights[row];
      const double fixed = static_cast<double>(weight) * rules.gradient_scale;
      add_to(words + rules.classes[row], static_cast<uint64_t>(round_to_even(fixed)));
    }
  }
};

}  // namespace assay::backends::cuda
