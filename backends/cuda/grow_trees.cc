// grow_tree and grow_trees on GPUs, in every order of growth.
//
// Rows are quantised once. All trees of a call grow together: in each round the nodes that every
// tree would split next are split in the same few launches (TreeRounds), and the host then puts
// them in order (TreeReplay). Symmetric trees go level by level, apart from others (TreeLevels).
// Bins, gradients, histograms and rows stay on the GPU; the splits found come to the host, some 72
// bytes a node. Everything that is summed is an integer, so trees have the bits of the contract
// whatever the order in which threads add.
//
// A table in the host's memory streams tile by tile (TileStream), once for each round's divisions
// and once for its histograms, as far as it is not kept on the GPU; kernels are the same.
//
// Memory of the GPU: 16 bytes for each row of a sample, the histograms of open nodes (at most half
// of what is free and 4 GiB), the table's forms (about twice its bins, where that is at most half
// of what is free; CudaDevice::forms_of), and for symmetric trees the gains of all candidates at
// some leaves of a level (about twice what their histograms take, at most half of what is left).
#include "kernels/grow_trees.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <numeric>
#include <optional>
#include <string>

#include "backends/cuda/cuda_kernels.h"
#include "backends/cuda/grow_tree_levels.h"
#include "backends/cuda/grow_tree_rounds.h"
#include "backends/cuda/tree_class_kernels.h"
#include "backends/cuda/tree_class_sums.h"
#include "backends/cuda/tree_range_kernel.h"
#include "kernels/base/fixed_point.h"

namespace assay::backends::cuda {
namespace {

using kernels::DeviceArray;
using kernels::GrowTreeArgs;
using kernels::GrowTreeProblem;
using kernels::GrowTreesArgs;
using kernels::GrowTreesProblem;

double power_of_two(int exponent) { return std::ldexp(1.0, exponent); }

// The numbers among the rules.
void set_numbers(GrowingTree& tree) {
  const GrowTreeProblem& problem = *tree.problem;
  const GrowTreeArgs& args = *tree.args;
  const kernels::TreeParams& params = problem.params;
  const int64_t n = problem.sample_count;
  TreeRules& rules = tree.rules;
  const int32_t most_gradient = kernels::gradient_limit(n, params.gradient_bits);
  const int32_t most_hessian = kernels::hessian_limit(n, params.gradient_bits);
  rules.class_count = problem.class_count;
  const double max_gradient{args.max_abs_gradient};
  const double max_hessian{args.max_hessian};
  rules.unit = power_of_two(-kernels::scale_exponent(max_gradient, most_gradient));
  rules.hessian_unit = power_of_two(-kernels::scale_exponent(max_hessian, most_hessian));
  rules.gradient_scale = power_of_two(FixedPoint::for_sum(max_gradient, n).exponent());
  rules.hessian_scale = power_of_two(FixedPoint::for_sum(max_hessian, n).exponent());
  rules.packed = std::max(most_gradient, most_hessian) <= HistogramKernel::kMostPacked ? 1 : 0;
  rules.l1 = params.l1;
  rules.l2 = params.l2;
  rules.min_gain = params.min_gain;
  rules.min_child_weight = params.min_child_weight;
  rules.min_child_samples = static_cast<double>(params.min_child_samples);
  rules.category_smooth = params.category_smooth;
  rules.category_l2 = params.category_l2;
  rules.onehot_levels = params.onehot_levels;
  rules.max_category_levels = params.max_category_levels;
  rules.random_thresholds = params.random_thresholds ? 1 : 0;
}

// Makes the tree's arrays on the GPU and quantises its rows.
Status start_tree(CudaDevice& device, GrowingTree& tree) {
  const GrowTreeArgs& args = *tree.args;
  const int64_t n = tree.problem->sample_count;
  tree.features = kernels::usable_features(args.bins, args.feature_mask);
  set_numbers(tree);
  for (auto& order : tree.order) {
    ASSAY_ASSIGN_OR_RETURN(order, DeviceArray<RowItem>::make(device, n));
  }
  TreeRules& rules = tree.rules;
  const auto features = static_cast<size_t>(args.bins.feature_count);
  if (args.monotone != nullptr) {
    ASSAY_ASSIGN_OR_RETURN(
        tree.monotone, DeviceArray<int8_t>::copy_of(device, std::span(args.monotone, features)));
    rules.monotone = tree.monotone.on_device();
  }
  if (args.interactions != nullptr) {
    ASSAY_ASSIGN_OR_RETURN(tree.interactions, DeviceArray<uint64_t>::copy_of(
                                                  device, std::span(args.interactions, features)));
    rules.interactions = tree.interactions.on_device();
  }
  // Rows are distinct and ascending.
  rules.rows = n == tree.problem->row_count ? nullptr : args.rows;
  rules.gradients = args.gradients;
  rules.hessians = args.hessians;
  rules.classes = args.classes;
  rules.weights = args.weights;
  rules.order[0] = tree.order[0].on_device();
  rules.order[1] = tree.order[1].on_device();
  const int64_t blocks = (n + QuantiseRowsKernel::kThreads - 1) / QuantiseRowsKernel::kThreads;
  if (rules.class_count > 0) {
    static_assert(QuantiseClassesKernel::kThreads == QuantiseRowsKernel::kThreads);
    return device.launch<QuantiseClassesKernel>(
        {blocks, 1, 0}, {rules.rows, args.classes, args.weights, rules.order[0], tree.problem->seed,
                         n, 1 / rules.unit});
  }
  return device.launch<QuantiseRowsKernel>(
      {blocks, 1, 0}, {rules.rows, args.gradients, args.hessians, rules.order[0],
                       tree.problem->seed, n, 1 / rules.unit, 1 / rules.hessian_unit});
}

float leaf_value(const GrowingTree& tree, const GrownNode& node, int64_t gradient_sum,
                 int64_t hessian_sum) {
  const kernels::TreeParams& params = tree.problem->params;
  const int64_t n = tree.problem->sample_count;
  const auto fixed = FixedPoint::for_sum(double{tree.args->max_abs_gradient}, n);
  const auto hessian_fixed = FixedPoint::for_sum(double{tree.args->max_hessian}, n);
  const double gradient = fixed.decode(gradient_sum);
  const double rest = std::max(std::abs(gradient) - params.l1, 0.0);
  const double shrunk = gradient < 0 ? -rest : rest;
  const double divisor = hessian_fixed.decode(hessian_sum) + params.l2;
  double value = divisor > 0 ? (0.0 - shrunk) / divisor : 0;
  if (tree.args->monotone != nullptr) value = node.limits.hold(value);
  return static_cast<float>(value * params.leaf_scale);
}

// Class mode: the shares of a leaf whose rows weigh so much by class.
void add_leaf_shares(const GrowingTree& tree, const FixedPoint& fixed,
                     std::span<const int64_t> weights) {
  const double total = fixed.decode(std::accumulate(weights.begin(), weights.end(), int64_t{0}));
  for (const int64_t weight : weights) {
    const double share =
        total > 0 ? fixed.decode(weight) / total * tree.problem->params.leaf_scale : 0;
    tree.args->tree->leaf_values.push_back(static_cast<float>(share));
  }
}

// A tree of one leaf that no row reached.
void write_stump(const GrowTreeProblem& problem, const GrowTreeArgs& args) {
  GrowingTree tree(problem, args);
  tree.replay.write(args.bins, *args.tree);
  if (problem.class_count > 0) {
    args.tree->leaf_values.assign(static_cast<size_t>(problem.class_count), 0.0f);
  } else {
    args.tree->leaf_values.push_back(leaf_value(tree, GrownNode(), 0, 0));
  }
}

// Finished trees, one behind the other, and the pieces of their samples.
struct LeafWork {
  std::vector<kernels::TreeNode> nodes;
  std::vector<kernels::CategorySet> sets;
  std::vector<LeafTask> tasks;
  std::vector<RangeTask> ranges;  // in place of these, if the table streams
  int32_t sum_count = 0;          // of all trees' leaves
  int32_t most_leaves = 0;        // of a tree
};

// Sums that a leaf has, counted as LeafTask::first_sum does: pairs of gradient and hessian, or
// words of classes.
int32_t sums_per_leaf(const GrowingTree& tree) { return std::max(1, tree.problem->class_count); }

// The tree's sample is cut into pieces of `rows`.
void add_walks(const GrowingTree& tree, int32_t number, int32_t leaf_count, int64_t rows,
               LeafWork& work) {
  const kernels::Tree& made = *tree.args->tree;
  LeafTask task{};
  task.leaf_of = tree.args->leaf_of;
  task.tree = number;
  task.first_node = static_cast<int32_t>(work.nodes.size());
  task.first_set = static_cast<int32_t>(work.sets.size());
  task.first_sum = work.sum_count;
  task.leaf_count = leaf_count;
  const int64_t n = tree.problem->sample_count;
  for (int64_t begin = 0; begin < n; begin += rows) {
    task.begin = begin;
    task.end = std::min(begin + rows, n);
    work.tasks.push_back(task);
  }
  work.nodes.insert(work.nodes.end(), made.nodes.begin(), made.nodes.end());
  work.sets.insert(work.sets.end(), made.category_sets.begin(), made.category_sets.end());
}

// A leaf's rows are where its node's are, or, if that was split in vain, those of its descendants:
// only nodes that were not divided have theirs in one piece.
void add_ranges(const GrowingTree& tree, int32_t number, std::span<const int32_t> leaves,
                LeafWork& work) {
  const std::vector<GrownNode>& nodes = tree.replay.nodes();
  RangeTask task{};
  task.leaf_of = tree.args->leaf_of;
  task.tree = number;
  task.first_sum = work.sum_count;
  std::vector<int32_t> open;
  for (const int32_t leaf : leaves) {
    open.push_back(leaf);
    while (!open.empty()) {
      const GrownNode& node = nodes[static_cast<size_t>(open.back())];
      open.pop_back();
      if (node.left >= 0) {
        open.push_back(node.left);
        open.push_back(node.left + 1);
        continue;
      }
      task.side = node.side;
      for (task.begin = node.begin; task.begin < node.end; task.begin = task.end) {
        task.end = std::min(task.begin + RangeSumsKernel::kMostRows, node.end);
        work.ranges.push_back(task);
      }
    }
    ++task.leaf;
  }
}

// Leaf numbers of rows, and the sums of leaves.
Status launch_leaves(CudaDevice& device, const kernels::BinnedView& bins, const TreeRules* rules,
                     const LeafWork& work, bool counts_classes, uint64_t* sums) {
  ASSAY_ASSIGN_OR_RETURN(auto ranges, DeviceArray<RangeTask>::copy_of(device, work.ranges));
  if (bins.on_host) {
    return device.launch<RangeSumsKernel>({ranges.size(), 1, 0}, {rules, ranges.on_device(), sums});
  }
  ASSAY_ASSIGN_OR_RETURN(auto nodes, DeviceArray<kernels::TreeNode>::copy_of(device, work.nodes));
  ASSAY_ASSIGN_OR_RETURN(auto sets, DeviceArray<kernels::CategorySet>::copy_of(device, work.sets));
  ASSAY_ASSIGN_OR_RETURN(auto tasks, DeviceArray<LeafTask>::copy_of(device, work.tasks));
  if (counts_classes) {
    return device.launch<LeafWeightsKernel>(
        {tasks.size(), 1, 0},
        {bins, rules, tasks.on_device(), nodes.on_device(), sets.on_device(), sums});
  }
  return device.launch<LeafSumsKernel>(
      {tasks.size(), 1, LeafSumsKernel::shared_bytes(work.most_leaves)},
      {bins, rules, tasks.on_device(), nodes.on_device(), sets.on_device(), sums,
       work.most_leaves});
}

void write_leaves(GrowingTree& tree, std::span<const int64_t> sums) {
  const auto fixed =
      FixedPoint::for_sum(double{tree.args->max_abs_gradient}, tree.problem->sample_count);
  const auto classes = static_cast<size_t>(tree.problem->class_count);
  for (const int32_t leaf : tree.replay.leaves()) {
    if (classes > 0) {
      add_leaf_shares(tree, fixed, sums.first(classes));
      sums = sums.subspan(classes);
      continue;
    }
    const GrownNode& node = tree.replay.nodes()[static_cast<size_t>(leaf)];
    tree.args->tree->leaf_values.push_back(leaf_value(tree, node, sums[0], sums[1]));
    sums = sums.subspan(2);
  }
}

// The trees, leaf numbers of rows, and leaf values.
Status finish_trees(CudaDevice& device, std::span<GrowingTree> trees, const TreeRules* rules) {
  LeafWork work;
  int64_t rows = 0;
  for (const GrowingTree& tree : trees) rows += tree.problem->sample_count;
  constexpr int64_t kBlocks = 8;  // of a multiprocessor
  const int64_t piece = std::clamp<int64_t>(rows / (kBlocks * device.multiprocessors()),
                                            LeafSumsKernel::kLeastRows, LeafSumsKernel::kMostRows);
  const kernels::BinnedView& bins = trees[0].args->bins;
  std::vector<size_t> sums_at;  // of the trees
  const bool counts_classes = trees[0].problem->class_count > 0;
  const size_t width = counts_classes ? 1 : 2;
  for (size_t t = 0; t < trees.size(); ++t) {
    GrowingTree& tree = trees[t];
    tree.replay.write(tree.args->bins, *tree.args->tree);
    const auto number = static_cast<int32_t>(t);
    const std::vector<int32_t> leaves = tree.replay.leaves();
    const auto leaf_count = static_cast<int32_t>(leaves.size());
    if (bins.on_host) {
      add_ranges(tree, number, leaves, work);
    } else {
      add_walks(tree, number, leaf_count, piece, work);
    }
    sums_at.push_back(width * static_cast<size_t>(work.sum_count));
    work.sum_count += leaf_count * sums_per_leaf(tree);
    work.most_leaves = std::max(work.most_leaves, leaf_count);
  }
  std::vector<int64_t> sums(width * static_cast<size_t>(work.sum_count));
  ASSAY_ASSIGN_OR_RETURN(auto sums_there,
                         DeviceArray<uint64_t>::make(device, static_cast<int64_t>(sums.size())));
  const auto sum_bytes = static_cast<int64_t>(sums.size() * sizeof(int64_t));
  ASSAY_RETURN_IF_ERROR(device.fill(sums_there.on_device(), 0, sum_bytes));
  ASSAY_RETURN_IF_ERROR(
      launch_leaves(device, bins, rules, work, counts_classes, sums_there.on_device()));
  ASSAY_RETURN_IF_ERROR(
      device.download(std::as_writable_bytes(std::span(sums)), sums_there.on_device(), sum_bytes));
  for (size_t t = 0; t < trees.size(); ++t) {
    write_leaves(trees[t], std::span<const int64_t>(sums).subspan(sums_at[t]));
  }
  return {};
}

// Trees of one kind grow together.
struct TreeKind {
  bool symmetric;
  bool counts_classes;
  bool operator==(const TreeKind&) const = default;

  static TreeKind of(const GrowTreeProblem& problem) {
    return {problem.params.growth == kernels::GrowthPolicy::kSymmetric, problem.class_count > 0};
  }
};
constexpr TreeKind kTreeKinds[] = {{false, false}, {true, false}, {false, true}, {true, true}};

// All have the same table, rows in their samples, and are of one kind.
Status grow_together(const kernels::OpContext& context, std::vector<GrowingTree>& trees) {
  CudaDevice& device = device_of(context);
  const auto lock = device.use();
  for (GrowingTree& tree : trees) ASSAY_RETURN_IF_ERROR(start_tree(device, tree));
  if (TreeKind::of(*trees[0].problem).symmetric) {
    ASSAY_ASSIGN_OR_RETURN(TreeLevels levels,
                           TreeLevels::make(context, trees[0].args->bins, trees));
    ASSAY_RETURN_IF_ERROR(levels.grow(context.stop));
    return finish_trees(device, trees, levels.rules());
  }
  ASSAY_ASSIGN_OR_RETURN(TreeRounds rounds, TreeRounds::make(context, trees[0].args->bins, trees));
  ASSAY_RETURN_IF_ERROR(rounds.search_roots(context.stop));
  while (true) {
    std::vector<NodeRef> wanted;
    for (size_t t = 0; t < trees.size(); ++t) {
      trees[t].replay.advance();
      for (const int32_t node : trees[t].replay.wanted()) {
        wanted.push_back({static_cast<int32_t>(t), node});
      }
    }
    if (wanted.empty()) break;
    ASSAY_RETURN_IF_ERROR(rounds.split(wanted, context.stop));
  }
  return finish_trees(device, trees, rounds.rules());
}

Status grow(const kernels::OpContext& context, std::span<const GrowTreeProblem> problems,
            std::span<const GrowTreeArgs> args) {
  try {
    for (const TreeKind& kind : kTreeKinds) {
      std::vector<GrowingTree> trees;
      for (size_t i = 0; i < problems.size(); ++i) {
        if (TreeKind::of(problems[i]) != kind) continue;
        if (problems[i].sample_count > 0) {
          trees.emplace_back(problems[i], args[i]);
        } else {
          write_stump(problems[i], args[i]);
        }
      }
      if (!trees.empty()) ASSAY_RETURN_IF_ERROR(grow_together(context, trees));
    }
    return {};
  } catch (const std::bad_alloc&) {
    return fail(StatusCode::kResourceExhausted, "grow_tree: the host has no memory for {} trees",
                problems.size());
  }
}

Status run_tree(const kernels::OpContext& context, const GrowTreeProblem& problem,
                const GrowTreeArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  return grow(context, {&problem, 1}, {&args, 1});
}

Status run_trees(const kernels::OpContext& context, const GrowTreesProblem& problem,
                 const GrowTreesArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  return grow(context, problem.trees, args.trees);
}

std::optional<std::string> decline_tree(const kernels::DeviceInfo&,
                                        const GrowTreeProblem& problem) {
  if (problem.class_count > kMostCountedClasses) {
    return fmt::format("trees that count more than {} classes grow on the CPU only",
                       kMostCountedClasses);
  }
  return std::nullopt;
}

std::optional<std::string> decline_trees(const kernels::DeviceInfo& device,
                                         const GrowTreesProblem& problem) {
  for (const GrowTreeProblem& tree : problem.trees) {
    if (auto reason = decline_tree(device, tree)) return reason;
  }
  return std::nullopt;
}

// Additions to histograms of some eight levels, and the waits for them.
double tree_cost(const kernels::DeviceInfo&, const GrowTreeProblem& problem) {
  constexpr double kWait = 100'000;
  constexpr double kAddition = 0.005;
  return 8 * (kWait + kAddition * static_cast<double>(problem.sample_count) *
                          static_cast<double>(problem.feature_count));
}

double trees_cost(const kernels::DeviceInfo& device, const GrowTreesProblem& problem) {
  double cost = 0;
  for (const GrowTreeProblem& tree : problem.trees) cost += tree_cost(device, tree);
  return cost;
}

}  // namespace

void register_grow_trees(kernels::KernelSet& kernels) {
  kernels.table<kernels::GrowTree>().add(
      {"cuda.rounds", "cuda", decline_tree, tree_cost, run_tree});
  kernels.table<kernels::GrowTrees>().add(
      {"cuda.rounds", "cuda", decline_trees, trees_cost, run_trees});
}

}  // namespace assay::backends::cuda
