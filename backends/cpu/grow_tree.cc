// grow_tree on the CPU.
//
// Rows are quantised once. Large nodes are split one after the other with all threads on each
// (NodeEngine). If the tree cannot reach max_leaves however it grows, the order of splits does not
// matter: then nodes of few rows become tasks of their own and are grown to the end by one thread
// each (SubtreeGrower), and the numbers of the contract are given afterwards (assembly). Everything
// that is summed is an integer, and ties have one rule, so nothing depends on who did what when.
//
// Memory: 4 bytes for each row of the matrix, 8 for each of the sample; histograms of open nodes
// (HistogramPool: at most 256 MiB or an eighth of the device's memory) and one for each thread;
// about 120 bytes a node.
#include "kernels/grow_tree.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <queue>

#include "backends/cpu/cpu_kernels.h"
#include "backends/cpu/grow_tree_assembly.h"
#include "backends/cpu/grow_tree_engine.h"
#include "backends/cpu/grow_tree_growth.h"
#include "backends/cpu/grow_tree_quantise.h"
#include "backends/cpu/grow_tree_subtree.h"
#include "kernels/tree_rules.h"

namespace assay::backends::cpu {
namespace {

using kernels::GrowTreeArgs;
using kernels::GrowTreeProblem;

// Rows of a node that one thread grows to the end.
constexpr int64_t kSubtreeRows = 4096;

Status cancelled() { return fail(StatusCode::kCancelled, "grow_tree was stopped"); }

class TreeGrower {
 public:
  explicit TreeGrower(Growth& growth)
      : growth_(growth), search_(growth.rules, growth.args.bins), engine_(growth, search_) {}

  Status grow() {
    GrownNode root;
    root.end = growth_.problem.sample_count;
    root.key = growth_.problem.seed;
    growth_.nodes.push_back(root);
    ASSAY_RETURN_IF_ERROR(order_matters() ? grow_in_order() : grow_apart());
    if (growth_.stop_requested()) return cancelled();
    return assemble_tree(growth_);
  }

 private:
  // Whether max_leaves may end the growth: every leaf has a row, and there are 2^depth at most.
  bool order_matters() const {
    const kernels::TreeParams& params = growth_.problem.params;
    const bool shallow = params.max_depth < 31 && params.max_leaves >= (1 << params.max_depth);
    return !shallow && growth_.problem.sample_count > params.max_leaves;
  }

  // The open node to split next: nodes are made in order of number here.
  struct Open {
    double gain = 0;
    int32_t node = 0;
    bool operator<(const Open& other) const {
      return gain != other.gain ? gain < other.gain : node > other.node;
    }
  };

  void push(int32_t node) {
    const SplitChoice& split = growth_.nodes[static_cast<size_t>(node)].split;
    if (split.feature < 0) return;
    const bool leaf_wise = growth_.problem.params.growth == kernels::GrowthPolicy::kLeafWise;
    open_.push({leaf_wise ? split.gain : 0, node});
  }

  Status grow_in_order() {
    if (growth_.problem.params.max_leaves == 1) return {};
    ASSAY_RETURN_IF_ERROR(engine_.open_root());
    push(0);
    for (int32_t leaves = 2; !open_.empty(); ++leaves) {
      if (growth_.stop_requested()) return cancelled();
      const int32_t node = open_.top().node;
      open_.pop();
      if (leaves == growth_.problem.params.max_leaves) return engine_.split_last(node);
      ASSAY_RETURN_IF_ERROR(engine_.split(node, 0));
      const int32_t left = growth_.nodes[static_cast<size_t>(node)].left;
      push(left);
      push(left + 1);
    }
    return {};
  }

  Status grow_apart() {
    std::vector<int32_t> small;
    if (growth_.nodes[0].row_count() <= kSubtreeRows) {
      small.push_back(0);
    } else {
      ASSAY_RETURN_IF_ERROR(engine_.open_root());
    }
    // Nodes behind `node` are those whose parents were split.
    for (int32_t node = 0; node < static_cast<int32_t>(growth_.nodes.size()); ++node) {
      if (growth_.nodes[static_cast<size_t>(node)].split.feature < 0) continue;
      if (growth_.stop_requested()) return cancelled();
      ASSAY_RETURN_IF_ERROR(engine_.split(node, kSubtreeRows));
      const int32_t left = growth_.nodes[static_cast<size_t>(node)].left;
      for (const int32_t child : {left, left + 1}) {
        if (growth_.nodes[static_cast<size_t>(child)].row_count() <= kSubtreeRows) {
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
  SplitSearch search_;
  NodeEngine engine_;
  std::priority_queue<Open> open_;
};

// A tree of one leaf of value 0.
void make_stump(const GrowTreeProblem& problem, kernels::Tree& tree) {
  tree = kernels::Tree{};
  tree.nodes.emplace_back();
  tree.gains.push_back(0);
  tree.covers.push_back(0);
  tree.leaf_values.assign(static_cast<size_t>(std::max(1, problem.class_count)), 0);
}

Status grow(const kernels::OpContext& context, const GrowTreeProblem& problem,
            const GrowTreeArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  if (problem.sample_count == 0) {
    make_stump(problem, *args.tree);
    return {};
  }
  const auto sample_count = static_cast<size_t>(problem.sample_count);
  Growth growth{context, problem, args, gain_rules(problem, args), {}, {}, {}, {}, {}};
  growth.features = kernels::usable_features(args.bins, args.feature_mask);
  growth.packed = BigBuffer<uint32_t>(static_cast<size_t>(problem.row_count));
  growth.order = BigBuffer<uint32_t>(sample_count);
  growth.scratch = BigBuffer<uint32_t>(sample_count);
  std::copy_n(args.rows, sample_count, growth.order.data());
  ASSAY_RETURN_IF_ERROR(quantise_rows(*context.executor, problem, args, growth.packed.data()));
  return TreeGrower(growth).grow();
}

Status run(const kernels::OpContext& context, const GrowTreeProblem& problem,
           const GrowTreeArgs& args) {
  try {
    return grow(context, problem, args);
  } catch (const std::bad_alloc&) {
    return fail(StatusCode::kResourceExhausted, "grow_tree: no memory for a sample of {} rows",
                problem.sample_count);
  }
}

std::optional<std::string> decline(const kernels::DeviceInfo&, const GrowTreeProblem&) {
  return std::nullopt;
}

// Every level reads each row of the searched columns once.
double cost(const kernels::DeviceInfo&, const GrowTreeProblem& problem) {
  const kernels::TreeParams& params = problem.params;
  const double columns = params.columns_per_node > 0
                             ? std::min(params.columns_per_node, problem.feature_count)
                             : problem.feature_count;
  const double levels = std::min<double>(params.max_depth, 1 + std::log2(params.max_leaves));
  return static_cast<double>(problem.sample_count) * (8 + columns * 0.5 * std::max(1.0, levels));
}

}  // namespace

void register_grow_tree(kernels::KernelSet& kernels) {
  kernels.table<kernels::GrowTree>().add({"cpu.histogram", "cpu", decline, cost, run});
}

}  // namespace assay::backends::cpu
