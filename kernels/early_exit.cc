#include "kernels/early_exit.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace assay::kernels {
namespace {

constexpr int64_t kLeastStep = 16;

// Leaves of a tree.
int64_t leaf_count_of(const TreeNode* nodes) {
  int64_t count = 1;
  for (int64_t i = 0; i < count; ++i) {
    if (!nodes[i].is_leaf()) count += 2;
  }
  return count / 2 + 1;
}

// What some trees add to one output, without and with signs.
struct Reach {
  double low = 0;
  double high = 0;
  double size = 0;
  bool has_negative = false;
};

// Adds one tree to what is behind it.
void add_tree_reach(const ForestView& forest, int64_t tree, std::vector<Reach>& reach) {
  const int32_t width = forest.leaf_width;
  const int64_t leaves = leaf_count_of(forest.nodes + forest.node_offsets[tree]);
  const float* values = forest.leaf_values + forest.leaf_offsets[tree] * width;
  const int64_t first = tree * width % forest.output_count;
  for (int32_t k = 0; k < width; ++k) {
    double low = std::numeric_limits<double>::infinity();
    double high = -low;
    for (int64_t leaf = 0; leaf < leaves; ++leaf) {
      low = std::min(low, double{values[leaf * width + k]});
      high = std::max(high, double{values[leaf * width + k]});
    }
    Reach& own = reach[static_cast<size_t>(first + k)];
    own.low += low;
    own.high += high;
    own.size += std::max(std::abs(low), std::abs(high));
    own.has_negative = own.has_negative || low < 0;
  }
}

bool decide_side(const DecisionRule& rule, double low, double high, double& score) {
  if (!side_decided(rule, low, high, score)) return false;
  const double slack = kScoreSlack * std::abs(score);
  const double least = score + low - slack;
  score = least > rule.high ? least : score + high + slack;
  return true;
}

bool decide_largest(const DecisionRule& rule, std::span<const double> low,
                    std::span<const double> high, std::span<double> scores) {
  const auto best =
      static_cast<size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
  const auto slack = [&](size_t k) { return kScoreSlack * std::abs(scores[k]); };
  const double least = scores[best] + low[best] - slack(best);
  const bool shares = rule.kind == DecisionRule::Kind::kLargestShare;
  const double limit = least - (shares ? rule.margin * std::abs(least) : rule.margin);
  if (shares && !(least > 0)) return false;
  for (size_t k = 0; k < scores.size(); ++k) {
    if (k != best && !(scores[k] + high[k] + slack(k) < limit)) return false;
    // Adding what is not negative never makes a sum smaller, so this needs no slack.
    if (shares && (scores[k] < 0 || low[k] < 0)) return false;
  }
  for (size_t k = 0; k < scores.size(); ++k) {
    scores[k] = k == best ? least : scores[k] + high[k] + slack(k);
  }
  return true;
}

}  // namespace

const char LeafBounds::kType = 0;

std::unique_ptr<LeafBounds> LeafBounds::make(const ForestView& forest) {
  if (forest.tree_count >= kMostTrees) return nullptr;
  auto bounds = std::make_unique<LeafBounds>();
  const int64_t round = forest.output_count / forest.leaf_width;
  bounds->step_ = (kLeastStep + round - 1) / round * round;
  bounds->tree_count_ = forest.tree_count;
  bounds->output_count_ = forest.output_count;
  const auto width = static_cast<size_t>(forest.output_count);
  const auto steps = static_cast<size_t>(forest.tree_count / bounds->step_) + 1;
  bounds->low_.resize(steps * width);
  bounds->high_.resize(steps * width);
  std::vector<Reach> reach(width);
  for (int64_t tree = forest.tree_count; tree >= 0; --tree) {
    if (tree < forest.tree_count) add_tree_reach(forest, tree, reach);
    if (tree % bounds->step_ != 0) continue;
    const size_t place = static_cast<size_t>(tree / bounds->step_) * width;
    for (size_t k = 0; k < width; ++k) {
      const double slack = kScoreSlack * reach[k].size;
      const double low = reach[k].low - slack;
      // Sums of terms that are not negative are not, however they are rounded.
      bounds->low_[place + k] = reach[k].has_negative ? low : std::max(0.0, low);
      bounds->high_[place + k] = reach[k].high + slack;
    }
  }
  return bounds;
}

int64_t LeafBounds::byte_count() const {
  return static_cast<int64_t>(sizeof *this + std::span(low_).size_bytes() +
                              std::span(high_).size_bytes());
}

bool decide_early(const DecisionRule& rule, const LeafBounds& bounds, int64_t tree,
                  std::span<double> scores) {
  const auto low = bounds.low(tree);
  const auto high = bounds.high(tree);
  if (rule.kind == DecisionRule::Kind::kSide) return decide_side(rule, low[0], high[0], scores[0]);
  return decide_largest(rule, low, high, scores);
}

}  // namespace assay::kernels
