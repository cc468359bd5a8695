#include "automl/learners/leaf_smoothing.h"

#include <algorithm>
#include <vector>

namespace assay::automl {
namespace {

using kernels::Tree;
using kernels::TreeNode;

class Smoother {
 public:
  Smoother(Tree& tree, size_t width) : tree_(tree), width_(width), slots_(tree.nodes.size(), 0) {
    size_t splits = 0;
    for (size_t t = 0; t < slots_.size(); ++t) {
      const TreeNode& node = tree.nodes[t];
      slots_[t] = node.is_leaf() ? static_cast<size_t>(node.left) : splits++;
    }
    inner_.assign(splits * width, 0.0);
  }

  void run(std::span<const double> prior, double strength) {
    add_up();
    const double top = share(0, strength);
    std::vector<double> base(width_);
    for (size_t k = 0; k < width_; ++k) base[k] = (1 - top) * prior[k];
    settle(0, base, top, top);
    // Children stand behind their parents.
    for (size_t t = 0; t < slots_.size(); ++t) {
      if (tree_.nodes[t].is_leaf()) continue;
      const auto left = static_cast<size_t>(tree_.nodes[t].left);
      const std::span<const double> base_of_t(inner_.data() + slots_[t] * width_, width_);
      for (const size_t child : {left, left + 1}) {
        settle(child, base_of_t, share(t, strength), share(child, strength));
      }
    }
  }

 private:
  double share(size_t t, double strength) const {
    return 1 / (1 + strength / std::max(double{tree_.covers[t]}, 1.0));
  }

  double value(size_t t, size_t k) const {
    const size_t at = slots_[t] * width_ + k;
    return tree_.nodes[t].is_leaf() ? double{tree_.leaf_values[at]} : inner_[at];
  }

  // The class shares of the splits' rows, from those of their children.
  void add_up() {
    for (size_t t = slots_.size(); t-- > 0;) {
      if (tree_.nodes[t].is_leaf()) continue;
      const auto left = static_cast<size_t>(tree_.nodes[t].left);
      const double of_left = tree_.covers[left];
      const double of_right = tree_.covers[left + 1];
      const double all = std::max(of_left + of_right, 1.0);
      for (size_t k = 0; k < width_; ++k) {
        inner_[slots_[t] * width_ + k] =
            (of_left * value(left, k) + of_right * value(left + 1, k)) / all;
      }
    }
  }

  // With s(t) = 1 / (1 + strength / n(t)), the sum of the header up to a child c of t is
  // base(t) + s(t) E(c), where base(t) = base(parent) + (s(parent) - s(t)) E(t): that takes the
  // place of E(t). A leaf's sum takes the place of its shares.
  void settle(size_t t, std::span<const double> parent_base, double parent_share, double share) {
    const size_t at = slots_[t] * width_;
    for (size_t k = 0; k < width_; ++k) {
      if (tree_.nodes[t].is_leaf()) {
        const double p = parent_base[k] + parent_share * double{tree_.leaf_values[at + k]};
        tree_.leaf_values[at + k] = static_cast<float>(p);
      } else {
        inner_[at + k] = parent_base[k] + (parent_share - share) * inner_[at + k];
      }
    }
  }

  Tree& tree_;
  size_t width_;
  std::vector<size_t> slots_;  // of leaves: their number; of splits: their number among splits
  std::vector<double> inner_;  // [splits, width]
};

}  // namespace

void smooth_leaves(Tree& tree, std::span<const double> prior, double strength) {
  if (strength <= 0 || tree.nodes.empty()) return;
  Smoother(tree, prior.size()).run(prior, strength);
}

}  // namespace assay::automl
