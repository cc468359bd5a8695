#include "backends/cuda/grow_tree_replay.h"

#include <algorithm>

namespace assay::backends::cuda {

TreeReplay::TreeReplay(const kernels::GrowTreeProblem& problem)
    : max_leaves_(problem.params.max_leaves),
      open_(problem.params.growth == kernels::GrowthPolicy::kLeafWise),
      numbered_{0} {
  GrownNode root;
  root.end = problem.sample_count;
  root.key = problem.seed;
  nodes_.push_back(root);
}

void TreeReplay::Queue::push(const Open& open) {
  nodes_.push_back(open);
  if (by_gain_) std::push_heap(nodes_.begin(), nodes_.end(), later);
}

void TreeReplay::Queue::pop() {
  if (by_gain_) {
    std::pop_heap(nodes_.begin(), nodes_.end(), later);
    nodes_.pop_back();
    return;
  }
  ++first_;
  if (2 * first_ < nodes_.size()) return;
  nodes_.erase(nodes_.begin(), nodes_.begin() + static_cast<std::ptrdiff_t>(first_));
  first_ = 0;
}

void TreeReplay::open_root() {
  if (nodes_[0].can_split()) open_.push({nodes_[0].split.gain, 0, 0});
}

void TreeReplay::push_children(Queue& queue, int32_t node, int32_t left_number) const {
  const int32_t left = nodes_[static_cast<size_t>(node)].left;
  for (int32_t side = 0; side < 2; ++side) {
    const GrownNode& child = nodes_[static_cast<size_t>(left + side)];
    if (child.can_split()) queue.push({child.split.gain, left_number + side, left + side});
  }
}

void TreeReplay::advance() {
  while (!open_.empty() && static_cast<int64_t>(splits_.size()) + 1 < max_leaves_) {
    const Open next = open_.front();
    const int32_t left = nodes_[static_cast<size_t>(next.node)].left;
    if (left < 0) return;
    open_.pop();
    const auto left_number = static_cast<int32_t>(numbered_.size());
    split_next(next.node);
    push_children(open_, next.node, left_number);
  }
}

void TreeReplay::split_next(int32_t node) {
  const int32_t left = nodes_[static_cast<size_t>(node)].left;
  splits_.push_back(node);
  numbered_.push_back(left);
  numbered_.push_back(left + 1);
}

std::vector<int32_t> TreeReplay::wanted() const {
  std::vector<int32_t> nodes;
  Queue open = open_;
  auto number = static_cast<int32_t>(numbered_.size());
  for (auto leaves = static_cast<int64_t>(splits_.size()) + 1;
       leaves < max_leaves_ && !open.empty(); ++leaves) {
    const Open next = open.front();
    open.pop();
    if (nodes_[static_cast<size_t>(next.node)].left < 0) {
      nodes.push_back(next.node);
    } else {
      push_children(open, next.node, number);
    }
    number += 2;
  }
  return nodes;
}

int32_t TreeReplay::add_children(int32_t node, int64_t left_count,
                                 const kernels::SplitLimits& limits) {
  const auto left = static_cast<int32_t>(nodes_.size());
  GrownNode& parent = nodes_[static_cast<size_t>(node)];
  parent.left = left;
  GrownNode child;
  child.begin = parent.begin;
  child.end = parent.end;
  child.side = 1 - parent.side;
  child.depth = parent.depth + 1;
  child.split.feature = -1;
  GrownNode right = child;
  child.end = right.begin = parent.begin + left_count;
  child.limits = limits.child(parent.limits, 0);
  right.limits = limits.child(parent.limits, 1);
  nodes_.push_back(child);
  nodes_.push_back(right);
  return left;
}

std::vector<int32_t> TreeReplay::leaves() const {
  std::vector<uint8_t> split(nodes_.size(), 0);
  for (const int32_t node : splits_) split[static_cast<size_t>(node)] = 1;
  std::vector<int32_t> leaves;
  for (const int32_t node : numbered_) {
    if (split[static_cast<size_t>(node)] == 0) leaves.push_back(node);
  }
  return leaves;
}

void TreeReplay::write(const kernels::BinnedView& bins, kernels::Tree& tree) const {
  tree = kernels::Tree{};
  tree.nodes.resize(numbered_.size());
  tree.gains.assign(numbered_.size(), 0);
  std::vector<int32_t> number_of(nodes_.size(), -1);
  for (size_t number = 0; number < numbered_.size(); ++number) {
    const auto node = static_cast<size_t>(numbered_[number]);
    number_of[node] = static_cast<int32_t>(number);
    tree.covers.push_back(static_cast<float>(nodes_[node].row_count()));
  }
  for (const int32_t index : splits_) {
    const GrownNode& node = nodes_[static_cast<size_t>(index)];
    const auto number = static_cast<size_t>(number_of[static_cast<size_t>(index)]);
    kernels::TreeNode& made = tree.nodes[number];
    made.feature = node.split.feature;
    made.left = number_of[static_cast<size_t>(node.left)];
    if (bins.kinds[node.split.feature] == kernels::FeatureKind::kCategorical) {
      made.category_set = static_cast<int32_t>(tree.category_sets.size());
      tree.category_sets.push_back(node.split.set);
    } else {
      made.threshold = static_cast<uint8_t>(node.split.threshold);
      made.missing_left = static_cast<uint8_t>(node.split.missing_left);
    }
    tree.gains[number] = static_cast<float>(node.split.gain);
  }
  int32_t leaf = 0;
  for (kernels::TreeNode& node : tree.nodes) {
    if (node.is_leaf()) node.left = leaf++;
  }
}

}  // namespace assay::backends::cuda
