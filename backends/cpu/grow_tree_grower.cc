#include "backends/cpu/grow_tree_grower.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "backends/cpu/grow_tree_assembly.h"
#include "backends/cpu/grow_tree_engine.h"
#include "backends/cpu/grow_tree_order.h"
#include "backends/cpu/grow_tree_quantise.h"
#include "backends/cpu/grow_tree_subtree.h"
#include "backends/cpu/grow_tree_symmetric.h"
#include "kernels/tree_rules.h"

namespace assay::backends::cpu {
namespace {

constexpr int64_t kCopiedRows = 65536;  // a chunk

Status cancelled() { return fail(StatusCode::kCancelled, "grow_tree was stopped"); }

class TreeGrower {
 public:
  TreeGrower(Growth& growth, const SplitSearch& search, NodeSplitter& splitter,
             int64_t subtree_rows)
      : growth_(growth), search_(search), engine_(splitter), subtree_rows_(subtree_rows) {}

  Status grow() {
    GrownNode root;
    root.end = growth_.problem.sample_count;
    root.key = growth_.problem.seed;
    growth_.nodes.push_back(root);
    ASSAY_RETURN_IF_ERROR(growth_.order_matters() ? grow_in_order() : grow_apart());
    if (growth_.stop_requested()) return cancelled();
    return assemble_tree(growth_);
  }

 private:
  Status grow_in_order() {
    if (growth_.problem.params.max_leaves == 1) return {};
    ASSAY_RETURN_IF_ERROR(engine_.open_root());
    SplitOrder order(growth_);
    StepSplitter* const steps = engine_.steps();
    while (!order.done()) {
      if (growth_.stop_requested()) return cancelled();
      if (steps != nullptr && steps->has_room(order.splits_left()) &&
          steps->splits_apart(order.open(), order.splits_left())) {
        return split_together(growth_, *steps, order);
      }
      const bool last = order.splits_left() == 1;
      const int32_t node = order.take();
      ASSAY_RETURN_IF_ERROR(last ? engine_.split_last(node) : engine_.split(node, 0));
      order.note_split(node);
      order.advance();
    }
    return {};
  }

  Status grow_apart() {
    std::vector<int32_t> small;
    if (growth_.nodes[0].row_count() <= subtree_rows_) {
      small.push_back(0);
    } else {
      ASSAY_RETURN_IF_ERROR(engine_.open_root());
    }
    // Nodes behind `node` are those whose parents were split.
    for (int32_t node = 0; node < static_cast<int32_t>(growth_.nodes.size()); ++node) {
      if (growth_.nodes[static_cast<size_t>(node)].split.feature < 0) continue;
      if (growth_.stop_requested()) return cancelled();
      ASSAY_RETURN_IF_ERROR(engine_.split(node, subtree_rows_));
      const int32_t left = growth_.nodes[static_cast<size_t>(node)].left;
      for (const int32_t child : {left, left + 1}) {
        if (growth_.nodes[static_cast<size_t>(child)].row_count() <= subtree_rows_) {
          small.push_back(child);
        }
      }
    }
    return grow_subtrees(small);
  }

  Status grow_subtrees(const std::vector<int32_t>& roots) {
    std::vector<std::unique_ptr<SubtreeGrower>> growers(
        static_cast<size_t>(growth_.context.executor->thread_count()));
    std::vector<std::vector<GrownNode>> grown(roots.size());
    ASSAY_RETURN_IF_ERROR(growth_.context.executor->parallel_for(
        static_cast<int64_t>(roots.size()), [&](int64_t task, int thread) {
          std::unique_ptr<SubtreeGrower>& grower = growers[static_cast<size_t>(thread)];
          if (!grower) grower = std::make_unique<SubtreeGrower>(growth_, search_);
          const auto i = static_cast<size_t>(task);
          grown[i] = grower->grow(growth_.nodes[static_cast<size_t>(roots[i])]);
        }));
    for (size_t i = 0; i < roots.size(); ++i) {
      // Places in the subtree's own list become places in the growth's.
      const auto shift = static_cast<int32_t>(growth_.nodes.size()) - 1;
      for (GrownNode& node : grown[i]) {
        if (node.left >= 0) node.left += shift;
      }
      growth_.nodes[static_cast<size_t>(roots[i])] = grown[i].front();
      growth_.nodes.insert(growth_.nodes.end(), grown[i].begin() + 1, grown[i].end());
    }
    return {};
  }

  Growth& growth_;
  const SplitSearch& search_;
  NodeSplitter& engine_;
  int64_t subtree_rows_;
};

}  // namespace

Growth start_growth(const kernels::OpContext& context, const kernels::GrowTreeProblem& problem,
                    const kernels::GrowTreeArgs& args) {
  Growth growth{context, problem, args, gain_rules(problem, args), {}, {}, {}, {}, {}, {}};
  growth.features = kernels::usable_features(args.bins, args.feature_mask);
  growth.packed = BigBuffer<uint32_t>(static_cast<size_t>(problem.row_count));
  return growth;
}

Status set_order(Growth& growth) {
  const int64_t count = growth.problem.sample_count;
  growth.order = BigBuffer<uint32_t>(static_cast<size_t>(count));
  growth.scratch = BigBuffer<uint32_t>(static_cast<size_t>(count));
  return growth.context.executor->parallel_for(
      chunk_count_of(count, kCopiedRows), [&](int64_t chunk, int) {
        const auto [begin, end] = chunk_range(count, kCopiedRows, chunk);
        std::copy(growth.args.rows + begin, growth.args.rows + end, growth.order.data() + begin);
      });
}

Status grow_with(Growth& growth, const SplitSearch& search, NodeSplitter& splitter,
                 int64_t subtree_rows) {
  return TreeGrower(growth, search, splitter, subtree_rows).grow();
}

Status grow_quantised(Growth& growth) {
  ASSAY_RETURN_IF_ERROR(set_order(growth));
  if (growth.problem.params.growth == kernels::GrowthPolicy::kSymmetric) {
    return grow_symmetric(growth, nullptr);
  }
  const SplitSearch search(growth.rules, growth.args.bins);
  NodeEngine engine(growth, search);
  return grow_with(growth, search, engine, growth.subtree_rows());
}

double growing_units(const kernels::GrowTreeProblem& problem) {
  const kernels::TreeParams& params = problem.params;
  const double columns = params.columns_per_node > 0
                             ? std::min(params.columns_per_node, problem.feature_count)
                             : problem.feature_count;
  const double levels = std::min<double>(params.max_depth, 1 + std::log2(params.max_leaves));
  return static_cast<double>(problem.sample_count) * (8 + columns * 0.5 * std::max(1.0, levels));
}

void make_stump(const kernels::GrowTreeProblem& problem, kernels::Tree& tree) {
  tree = kernels::Tree{};
  tree.nodes.emplace_back();
  tree.gains.push_back(0);
  tree.covers.push_back(0);
  tree.leaf_values.assign(static_cast<size_t>(std::max(1, problem.class_count)), 0);
}

}  // namespace assay::backends::cpu
