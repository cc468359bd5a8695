#include "kernels/tree_shap_plan.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace assay::kernels {
namespace {

// Trees from files may claim what they like; grown ones have at least a row in 2^31 on each side.
constexpr double kLeastShare = 1e-10;
constexpr double kLeastProduct = 1e-200;

double share_of(double rows, double other_rows) {
  const double share = rows / (rows + other_rows);
  if (!(share >= 0)) return 0.5;
  return std::clamp(share, kLeastShare, 1.0);
}

// Adds the points and weights of Gauss-Legendre quadrature on [0, 1]: roots of the Legendre
// polynomial by Newton's method from Chebyshev's guess.
void add_quadrature(int32_t point_count, std::vector<double>& points,
                    std::vector<double>& weights) {
  const double n = point_count;
  for (int32_t i = 0; i < point_count; ++i) {
    double x = std::cos(std::numbers::pi * (i + 0.75) / (n + 0.5));
    double slope = 1;
    for (int step = 0; step < 100; ++step) {
      double before = 1;
      double value = x;
      for (int32_t k = 2; k <= point_count; ++k) {
        const double degree = k;
        const double next = ((2 * degree - 1) * x * value - (degree - 1) * before) / degree;
        before = value;
        value = next;
      }
      slope = n * (x * value - before) / (x * x - 1);
      const double move = value / slope;
      x -= move;
      if (std::abs(move) < 1e-16) break;
    }
    points.push_back(0.5 * (1 - x));
    weights.push_back(1 / ((1 - x * x) * slope * slope));
  }
}

}  // namespace

TreeShapPlan::TreeShapPlan(const Forest& forest, int32_t feature_count)
    : steps_(forest.nodes().size()), expected_(static_cast<size_t>(forest.output_count()), 0.0) {
  problem_.feature_count = feature_count;
  problem_.tree_count = forest.tree_count();
  problem_.leaf_width = forest.leaf_width();
  problem_.output_count = forest.output_count();
  std::vector<int32_t> last_of(static_cast<size_t>(feature_count), 0);
  for (int64_t tree = 0; tree < forest.tree_count(); ++tree) add_tree(forest, tree, last_of);
  // Trees that take as many points share them.
  std::vector<int32_t> offsets;
  for (ShapTree& tree : trees_) {
    const auto count = static_cast<size_t>(tree.point_count);
    if (offsets.size() <= count) offsets.resize(count + 1, -1);
    if (offsets[count] < 0) {
      offsets[count] = static_cast<int32_t>(points_.size());
      add_quadrature(tree.point_count, points_, weights_);
    }
    tree.point_offset = offsets[count];
  }
}

// Its steps, what it is worth knowing nothing, and how many features its longest path has.
// `last_of` [features] has the place of the last step on the path for each feature: 0 before and
// after.
void TreeShapPlan::add_tree(const Forest& forest, int64_t tree, std::vector<int32_t>& last_of) {
  const auto t = static_cast<size_t>(tree);
  const auto begin = static_cast<size_t>(forest.node_offsets()[t]);
  const auto nodes = forest.nodes().subspan(begin);
  const auto covers = forest.covers().subspan(begin);
  const auto width = static_cast<size_t>(forest.leaf_width());
  const float* leaves =
      forest.leaf_values().data() + static_cast<size_t>(forest.leaf_offsets()[t]) * width;
  double* expected = expected_.data() + t * width % expected_.size();
  struct Visit {
    size_t node;
    ShapStep step;
    double product;    // of all shares
    int32_t left_for;  // on the way up: the place whose step is left, else 0
  };
  int32_t place = 0;
  size_t distinct = 0;
  size_t most_distinct = 0;
  std::vector<Visit> stack = {{0, {}, 1, 0}};
  while (!stack.empty()) {
    Visit visit = stack.back();
    stack.pop_back();
    ShapStep& step = visit.step;
    if (visit.left_for > 0) {
      last_of[static_cast<size_t>(step.feature)] = step.before;
      if (step.before == 0) --distinct;
      continue;
    }
    const int32_t here = place++;
    const TreeNode& node = nodes[visit.node];
    if (here > 0) {
      int32_t& last = last_of[static_cast<size_t>(step.feature)];
      step.before = last;
      step.share =
          std::max(steps_[begin + static_cast<size_t>(last)].share * step.share, kLeastProduct);
      if (last == 0) ++distinct;
      last = here;
      stack.push_back({visit.node, step, 0, here});
    }
    if (node.is_leaf()) step.leaf = node.left;
    steps_[begin + static_cast<size_t>(here)] = step;
    problem_.most_depth = std::max(problem_.most_depth, step.depth);
    if (node.is_leaf()) {
      most_distinct = std::max(most_distinct, distinct);
      const float* values = leaves + static_cast<size_t>(node.left) * width;
      for (size_t k = 0; k < width; ++k) expected[k] += visit.product * double{values[k]};
      continue;
    }
    const auto left = static_cast<size_t>(node.left);
    for (const size_t child : {left + 1, left}) {
      const size_t other = child == left ? left + 1 : left;
      ShapStep next;
      next.share = share_of(double{covers[child]}, double{covers[other]});
      next.parent = static_cast<int32_t>(visit.node);
      next.feature = node.feature;
      next.above = here;
      next.depth = step.depth + 1;
      stack.push_back({child, next, visit.product * next.share, 0});
    }
  }
  const size_t points = std::max<size_t>(1, (most_distinct + 1) / 2);
  trees_.push_back({place, static_cast<int32_t>(points), 0});
  problem_.most_nodes = std::max(problem_.most_nodes, place);
  problem_.work += int64_t{place} * static_cast<int64_t>(points);
}

TreeShapProblem TreeShapPlan::problem(int64_t row_count) const {
  TreeShapProblem problem = problem_;
  problem.row_count = row_count;
  return problem;
}

TreeShapView TreeShapPlan::view() const {
  return {steps_.data(), trees_.data(), points_.data(), weights_.data()};
}

}  // namespace assay::kernels
