#include "automl/models/tree_shap.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace assay::automl {
namespace {

using kernels::Forest;
using kernels::TreeNode;

// Trees from files may claim what they like; grown ones have at least a row in 2^31 on each side.
constexpr double kLeastShare = 1e-10;
constexpr double kLeastProduct = 1e-200;

double share_of(double rows, double other_rows) {
  const double share = rows / (rows + other_rows);
  if (!(share >= 0)) return 0.5;
  return std::clamp(share, kLeastShare, 1.0);
}

}  // namespace

// Roots of the Legendre polynomial by Newton's method from Chebyshev's guess.
TreeShap::Quadrature TreeShap::quadrature_of(size_t point_count) {
  Quadrature result;
  const auto n = static_cast<double>(point_count);
  for (size_t i = 0; i < point_count; ++i) {
    double x = std::cos(std::numbers::pi * (static_cast<double>(i) + 0.75) / (n + 0.5));
    double slope = 1;
    for (int step = 0; step < 100; ++step) {
      double before = 1;
      double value = x;
      for (size_t k = 2; k <= point_count; ++k) {
        const auto degree = static_cast<double>(k);
        const double next = ((2 * degree - 1) * x * value - (degree - 1) * before) / degree;
        before = value;
        value = next;
      }
      slope = n * (x * value - before) / (x * x - 1);
      const double move = value / slope;
      x -= move;
      if (std::abs(move) < 1e-16) break;
    }
    result.points.push_back(0.5 * (1 - x));
    result.weights.push_back(1 / ((1 - x * x) * slope * slope));
  }
  return result;
}

TreeShap::TreeShap(const Forest& forest, int32_t feature_count)
    : forest_(forest),
      feature_count_(feature_count),
      width_(static_cast<size_t>(forest.leaf_width())),
      shares_(forest.nodes().size(), 1.0),
      expected_(static_cast<size_t>(forest.output_count()), 0.0) {
  std::vector<int32_t> counts(static_cast<size_t>(feature_count), 0);
  for (int64_t tree = 0; tree < forest.tree_count(); ++tree) measure_tree(tree, counts);
  std::vector<bool> wanted(most_points_ + 1, false);
  for (const int32_t points : tree_points_) wanted[static_cast<size_t>(points)] = true;
  quadratures_.resize(wanted.size());
  for (size_t points = 1; points < wanted.size(); ++points) {
    if (wanted[points]) quadratures_[points] = quadrature_of(points);
  }
}

// Shares of its nodes, what it is worth knowing nothing, and how many features its longest path
// has. `counts` [features] is 0 before and after. Children stand behind their parents.
void TreeShap::measure_tree(int64_t tree, std::vector<int32_t>& counts) {
  const auto begin = static_cast<size_t>(forest_.node_offsets()[static_cast<size_t>(tree)]);
  const auto nodes = forest_.nodes().subspan(begin);
  const auto covers = forest_.covers().subspan(begin);
  const float* leaves =
      forest_.leaf_values().data() +
      forest_.leaf_offsets()[static_cast<size_t>(tree)] * static_cast<int64_t>(width_);
  const size_t output = static_cast<size_t>(tree) * width_ % expected_.size();
  struct Step {
    size_t node;
    double product;
    size_t depth;
    bool leaving;
  };
  size_t distinct = 0;
  size_t most_distinct = 0;
  std::vector<Step> stack = {{0, 1, 0, false}};
  while (!stack.empty()) {
    const Step step = stack.back();
    stack.pop_back();
    const TreeNode& node = nodes[step.node];
    most_depth_ = std::max(most_depth_, step.depth);
    if (node.is_leaf()) {
      most_distinct = std::max(most_distinct, distinct);
      const float* values = leaves + static_cast<size_t>(node.left) * width_;
      for (size_t k = 0; k < width_; ++k) expected_[output + k] += step.product * double{values[k]};
      continue;
    }
    int32_t& count = counts[static_cast<size_t>(node.feature)];
    if (step.leaving) {
      if (--count == 0) --distinct;
      continue;
    }
    if (++count == 1) ++distinct;
    stack.push_back({step.node, 0, step.depth, true});
    const auto left = static_cast<size_t>(node.left);
    shares_[begin + left] = share_of(double{covers[left]}, double{covers[left + 1]});
    shares_[begin + left + 1] = share_of(double{covers[left + 1]}, double{covers[left]});
    for (const size_t child : {left + 1, left}) {
      stack.push_back({child, step.product * shares_[begin + child], step.depth + 1, false});
    }
  }
  const size_t points = std::max<size_t>(1, (most_distinct + 1) / 2);
  tree_points_.push_back(static_cast<int32_t>(points));
  most_points_ = std::max(most_points_, points);
}

TreeShap::Scratch::Scratch(const TreeShap& shap)
    : features_(static_cast<size_t>(shap.feature_count_)),
      products_((shap.most_depth_ + 1) * shap.most_points_),
      sums_((shap.most_depth_ + 1) * shap.most_points_ * shap.width_) {}

struct TreeShap::Walk {
  const TreeShap& shap;
  const kernels::BinnedView& bins;
  uint32_t row;
  Scratch& scratch;
  std::span<double> out;  // of this tree's outputs: [leaf width, feature_count]
  std::span<const TreeNode> nodes;
  const kernels::CategorySet* sets;
  const double* shares;
  const float* leaves;
  const Quadrature& quadrature;

  size_t points() const { return quadrature.points.size(); }
  double* products(size_t depth) const { return scratch.products_.data() + depth * points(); }
  double* sums(size_t depth) const { return scratch.sums_.data() + depth * points() * shap.width_; }

  // Fills sums(depth) with those of the leaves below the node, of which products(depth) stand.
  void visit(size_t number, size_t depth) const {
    const TreeNode& node = nodes[number];
    const double* product = products(depth);
    double* sum = sums(depth);
    if (node.is_leaf()) {
      const float* values = leaves + static_cast<size_t>(node.left) * shap.width_;
      for (size_t q = 0; q < points(); ++q) {
        for (size_t k = 0; k < shap.width_; ++k) *sum++ = product[q] * double{values[k]};
      }
      return;
    }
    std::fill_n(sum, points() * shap.width_, 0.0);
    const uint8_t bin = bins.bins[bins.cell_offset(row, node.feature)];
    const bool left = kernels::goes_left(node, sets, bin);
    enter(node, 0, left, depth);
    enter(node, 1, !left, depth);
  }

  // The child on `side`, which the row goes to or not.
  void enter(const TreeNode& node, size_t side, bool met, size_t depth) const {
    const size_t child = static_cast<size_t>(node.left) + side;
    Scratch::OnPath& place = scratch.features_[static_cast<size_t>(node.feature)];
    const Scratch::OnPath before = place;
    const double o = met ? before.met : 0.0;
    const double z = std::max(before.share * shares[child], kLeastProduct);
    const double* product = products(depth);
    double* next = products(depth + 1);
    for (size_t q = 0; q < points(); ++q) {
      const double t = quadrature.points[q];
      const double was = before.present ? t * before.met + (1 - t) * before.share : 1.0;
      next[q] = product[q] * ((t * o + (1 - t) * z) / was);
    }
    place = {true, o, z};
    visit(child, depth + 1);
    place = before;
    const double* below = sums(depth + 1);
    double* sum = sums(depth);
    double* phi = out.data() + node.feature;
    const auto stride = static_cast<size_t>(shap.feature_count_);
    for (size_t q = 0; q < points(); ++q) {
      const double t = quadrature.points[q];
      double factor = (o - z) / (t * o + (1 - t) * z);
      if (before.present) {
        factor -= (before.met - before.share) / (t * before.met + (1 - t) * before.share);
      }
      factor *= quadrature.weights[q];
      for (size_t k = 0; k < shap.width_; ++k) {
        phi[k * stride] += factor * *below;
        *sum++ += *below++;
      }
    }
  }
};

void TreeShap::add_row(const kernels::BinnedView& bins, uint32_t row, Scratch& scratch,
                       std::span<double> out) const {
  const auto features = static_cast<size_t>(feature_count_);
  for (size_t tree = 0; tree < tree_points_.size(); ++tree) {
    const size_t output = tree * width_ % expected_.size();
    const auto nodes = static_cast<size_t>(forest_.node_offsets()[tree]);
    const Walk walk{
        *this,
        bins,
        row,
        scratch,
        out.subspan(output * features, width_ * features),
        forest_.nodes().subspan(nodes),
        forest_.category_sets().data() + forest_.category_set_offsets()[tree],
        shares_.data() + nodes,
        forest_.leaf_values().data() + forest_.leaf_offsets()[tree] * static_cast<int64_t>(width_),
        quadratures_[static_cast<size_t>(tree_points_[tree])]};
    std::fill_n(scratch.products_.begin(), walk.points(), 1.0);
    walk.visit(0, 0);
  }
}

}  // namespace assay::automl
