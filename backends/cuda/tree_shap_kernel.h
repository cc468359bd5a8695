// The kernel of tree_shap: a thread a row, in the order of operations of kernels/tree_shap.h. All
// rows take the same walk, so that threads never part and what they keep of a walk lies side by
// side: number i of a thread is at [i, thread] of the scratch memory, which is read and written in
// whole lines. Where a row would go at every split is found out once a tree, as bits.
#pragma once

#include "backends/cuda/block.h"
#include "kernels/binned_view.h"
#include "kernels/tree_node.h"
#include "kernels/tree_shap_view.h"

namespace assay::backends::cuda {

struct TreeShapKernel {
  static constexpr int32_t kThreads = 128;
  static constexpr int32_t kGroup = kernels::kShapGroup;
  static constexpr int32_t kWordBits = 32;

  // Grid: x blocks of kThreads rows. Of `bins` the host's arrays are not read.
  struct Params {
    kernels::BinnedView bins;
    kernels::ForestView forest;
    kernels::TreeShapView shap;
    const uint32_t* rows;  // [row_count], or null: first_row, first_row + 1, ...
    int64_t first_row;
    double* out;      // [row_count, output_count, feature_count]
    double* numbers;  // [doubles_of(...), stride]
    uint32_t* words;  // [words_of(...), stride]
    int64_t stride;   // of threads: a multiple of kThreads, at least row_count
    int64_t row_count;
    int64_t tree_begin;
    int64_t tree_end;
    int32_t feature_count;
    int32_t leaf_width;
    int32_t output_count;
    int32_t most_depth;
  };

  // What a thread keeps: the row's contributions, and for each depth and point p, r, g and the
  // sums; whether the row goes to each node of a tree.
  static int64_t doubles_of(int64_t out_size, int32_t most_depth, int32_t leaf_width) {
    return out_size + (int64_t{most_depth} + 1) * kGroup * (3 + int64_t{leaf_width});
  }
  static int64_t words_of(int32_t most_nodes) {
    return (int64_t{most_nodes} + kWordBits - 1) / kWordBits;
  }

  // One thread's way through one tree.
  struct Walk {
    const Params& params;
    int64_t thread;    // of all threads
    int64_t row;       // of the bins
    double* out;       // of the tree's outputs: [leaf_width, feature_count, stride]
    int64_t out_size;  // of a row
    const kernels::ShapStep* steps;
    int32_t step_count;
    int32_t group;          // points of the group
    const double* points;   // its points
    const double* weights;  // and weights

    ASSAY_DEVICE uint32_t& word(int64_t i) const {
      return params.words[i * params.stride + thread];
    }
    ASSAY_DEVICE bool met(int32_t place) const {
      return (word(place / kWordBits) >> (place % kWordBits) & 1u) != 0;
    }
    ASSAY_DEVICE double& number(int64_t i) const {
      return params.numbers[(out_size + i) * params.stride + thread];
    }
    ASSAY_DEVICE double& p(int32_t depth, int32_t q) const {
      return number((int64_t{depth} * kGroup + q) * 3);
    }
    ASSAY_DEVICE double& r(int32_t depth, int32_t q) const {
      return number((int64_t{depth} * kGroup + q) * 3 + 1);
    }
    ASSAY_DEVICE double& g(int32_t depth, int32_t q) const {
      return number((int64_t{depth} * kGroup + q) * 3 + 2);
    }
    ASSAY_DEVICE double& sum(int32_t depth, int32_t q, int32_t k) const {
      return number((int64_t{params.most_depth} + 1) * kGroup * 3 +
                    (int64_t{depth} * kGroup + q) * params.leaf_width + k);
    }
    ASSAY_DEVICE double& phi(int32_t k, int32_t feature) const {
      return out[(int64_t{k} * params.feature_count + feature) * params.stride];
    }

    // o of every node, kWordBits at a time.
    ASSAY_DEVICE void mark(const kernels::TreeNode* nodes, const kernels::CategorySet* sets) const {
      uint32_t bits = 1;  // the root
      for (int32_t place = 1; place < step_count; ++place) {
        if (place % kWordBits == 0) {
          word(place / kWordBits - 1) = bits;
          bits = 0;
        }
        const kernels::ShapStep step = steps[place];
        const uint8_t bin = params.bins.bins[params.bins.cell_offset(row, step.feature)];
        const bool left = kernels::goes_left(nodes[step.parent], sets, bin);
        const bool same_word = step.before / kWordBits == place / kWordBits;
        const uint32_t known = same_word ? bits : word(step.before / kWordBits);
        const bool before = (known >> (step.before % kWordBits) & 1u) != 0;
        if (before && left == step.is_left(place)) bits |= 1u << (place % kWordBits);
      }
      word((step_count - 1) / kWordBits) = bits;
    }

    // A leaf: its sums never lie in memory.
    ASSAY_DEVICE void add_leaf(const kernels::ShapStep& step, int32_t place,
                               const float* values) const {
      const double o = met(place) ? 1.0 : 0.0;
      const int32_t before = steps[step.before].depth;
      const bool left = step.is_left(place);
      double product[kGroup];
      double factor[kGroup];
      ASSAY_UNROLL
      for (int32_t q = 0; q < kGroup; ++q) {
        if (q >= group) break;
        const kernels::ShapTerms terms = kernels::shap_terms(points[q], o, step.share);
        product[q] = p(step.depth - 1, q) * (terms.a * r(before, q));
        factor[q] = (terms.g - g(before, q)) * weights[q];
      }
      for (int32_t k = 0; k < params.leaf_width; ++k) {
        const double value =
            static_cast<double>(values[int64_t{step.leaf} * params.leaf_width + k]);
        double& target = phi(k, step.feature);
        double total = target;
        ASSAY_UNROLL
        for (int32_t q = 0; q < kGroup; ++q) {
          if (q >= group) break;
          const double own = product[q] * value;
          total = total + factor[q] * own;
          double& above = sum(step.depth - 1, q, k);
          above = left ? own : above + own;
        }
        target = total;
      }
    }

    // Down to a split.
    ASSAY_DEVICE void enter(const kernels::ShapStep& step, int32_t place) const {
      const double o = met(place) ? 1.0 : 0.0;
      const int32_t before = steps[step.before].depth;
      ASSAY_UNROLL
      for (int32_t q = 0; q < kGroup; ++q) {
        if (q >= group) break;
        const kernels::ShapTerms terms = kernels::shap_terms(points[q], o, step.share);
        p(step.depth, q) = p(step.depth - 1, q) * (terms.a * r(before, q));
        r(step.depth, q) = terms.r;
        g(step.depth, q) = terms.g;
      }
    }

    // Up from a split, both of whose children are done.
    ASSAY_DEVICE void leave(const kernels::ShapStep& step, int32_t place) const {
      const int32_t before = steps[step.before].depth;
      const bool left = step.is_left(place);
      double factor[kGroup];
      ASSAY_UNROLL
      for (int32_t q = 0; q < kGroup; ++q) {
        if (q >= group) break;
        factor[q] = (g(step.depth, q) - g(before, q)) * weights[q];
      }
      for (int32_t k = 0; k < params.leaf_width; ++k) {
        double& target = phi(k, step.feature);
        double total = target;
        ASSAY_UNROLL
        for (int32_t q = 0; q < kGroup; ++q) {
          if (q >= group) break;
          const double own = sum(step.depth, q, k);
          total = total + factor[q] * own;
          double& above = sum(step.depth - 1, q, k);
          above = left ? own : above + own;
        }
        target = total;
      }
    }

    ASSAY_DEVICE void run(const float* values) const {
      for (int32_t q = 0; q < group; ++q) {
        p(0, q) = 1.0;
        r(0, q) = 1.0;
        g(0, q) = 0.0;
      }
      for (int32_t place = 1; place < step_count; ++place) {
        kernels::ShapStep step = steps[place];
        if (!step.is_leaf()) {
          enter(step, place);
          continue;
        }
        add_leaf(step, place, values);
        // Up, as long as right children end their parents.
        for (int32_t done = place; !step.is_left(done) && step.above > 0;) {
          done = step.above;
          step = steps[done];
          leave(step, done);
        }
      }
    }
  };

  ASSAY_DEVICE static void add_tree(const Params& params, int64_t thread, int64_t tree) {
    const kernels::ShapTree shape = params.shap.trees[tree];
    if (shape.step_count == 1) return;
    const int64_t first = tree * params.leaf_width % params.output_count;
    const int64_t nodes = params.forest.node_offsets[tree];
    const float* values =
        params.forest.leaf_values + params.forest.leaf_offsets[tree] * params.leaf_width;
    Walk walk{params,
              thread,
              params.rows == nullptr ? params.first_row + thread : int64_t{params.rows[thread]},
              params.numbers + first * params.feature_count * params.stride + thread,
              int64_t{params.output_count} * params.feature_count,
              params.shap.steps + nodes,
              shape.step_count,
              0,
              nullptr,
              nullptr};
    walk.mark(params.forest.nodes + nodes,
              params.forest.category_sets + params.forest.category_set_offsets[tree]);
    for (int32_t q = 0; q < shape.point_count; q += kGroup) {
      const int32_t rest = shape.point_count - q;
      walk.group = rest < kGroup ? rest : kGroup;
      walk.points = params.shap.points + shape.point_offset + q;
      walk.weights = params.shap.weights + shape.point_offset + q;
      walk.run(values);
    }
  }

  template <class Block>
  ASSAY_DEVICE static void run(Block& block, const Params& params) {
    block.each([&](int32_t thread) {
      const int64_t i = block.x() * kThreads + thread;
      if (i >= params.row_count) return;
      const int64_t out_size = int64_t{params.output_count} * params.feature_count;
      double* out = params.out + i * out_size;
      for (int64_t n = 0; n < out_size; ++n) params.numbers[n * params.stride + i] = out[n];
      for (int64_t tree = params.tree_begin; tree < params.tree_end; ++tree) {
        add_tree(params, i, tree);
      }
      for (int64_t n = 0; n < out_size; ++n) out[n] = params.numbers[n * params.stride + i];
    });
  }
};

}  // namespace assay::backends::cuda
