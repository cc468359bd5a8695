#include "backends/cpu/grow_tree_assembly.h"

#include <queue>

#include "backends/cpu/grow_tree_leaves.h"

namespace assay::backends::cpu {
namespace {

// An open node in the order of the growth policy.
struct Open {
  double gain = 0;  // when not growing leaf-wise: less the later its level is split
  int32_t number = 0;
  int32_t grown = 0;

  bool operator<(const Open& other) const {  // the greatest is split next
    if (gain != other.gain) return gain < other.gain;
    return number > other.number;
  }
};

class Numbering {
 public:
  explicit Numbering(Growth& growth) : growth_(growth), tree_(*growth.args.tree) {}

  // Makes the nodes; returns the grown node of each leaf, in order of leaf numbers.
  std::vector<int32_t> run() {
    tree_ = kernels::Tree{};
    add(0);
    while (!open_.empty()) {
      const Open next = open_.top();
      open_.pop();
      split(next);
    }
    std::vector<int32_t> leaves;
    for (size_t i = 0; i < tree_.nodes.size(); ++i) {
      if (!tree_.nodes[i].is_leaf()) continue;
      tree_.nodes[i].left = static_cast<int32_t>(leaves.size());
      leaves.push_back(grown_[i]);
    }
    return leaves;
  }

 private:
  void add(int32_t grown) {
    const GrownNode& node = growth_.nodes[static_cast<size_t>(grown)];
    const auto number = static_cast<int32_t>(tree_.nodes.size());
    tree_.nodes.emplace_back();
    tree_.gains.push_back(0);
    tree_.covers.push_back(static_cast<float>(node.row_count()));
    grown_.push_back(grown);
    if (node.left < 0) return;
    const bool leaf_wise = growth_.problem.params.growth == kernels::GrowthPolicy::kLeafWise;
    open_.push({leaf_wise ? node.split.gain : -node.level, number, grown});
  }

  void split(const Open& open) {
    const GrownNode& grown = growth_.nodes[static_cast<size_t>(open.grown)];
    kernels::TreeNode node;
    node.feature = grown.split.feature;
    node.left = static_cast<int32_t>(tree_.nodes.size());
    if (grown.split.categorical) {
      node.category_set = static_cast<int32_t>(tree_.category_sets.size());
      tree_.category_sets.push_back(grown.split.set);
    } else {
      node.threshold = grown.split.threshold;
      node.missing_left = grown.split.missing_left ? 1 : 0;
    }
    tree_.nodes[static_cast<size_t>(open.number)] = node;
    tree_.gains[static_cast<size_t>(open.number)] = static_cast<float>(grown.split.gain);
    add(grown.left);
    add(grown.left + 1);
  }

  Growth& growth_;
  kernels::Tree& tree_;
  std::vector<int32_t> grown_;  // by number
  std::priority_queue<Open> open_;
};

}  // namespace

Status assemble_tree(Growth& growth) {
  const std::vector<int32_t> leaves = Numbering(growth).run();
  return finish_leaves(growth, leaves);
}

}  // namespace assay::backends::cpu
