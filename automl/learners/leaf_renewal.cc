#include "automl/learners/leaf_renewal.h"

#include <algorithm>
#include <vector>

#include "automl/learners/weighted_quantile.h"
#include "kernels/exact_math.h"
#include "kernels/tree_rules.h"

namespace assay::automl {
namespace {

constexpr double kMostLogStep = 4;

// Positions in the sample, leaf by leaf, ascending.
struct LeafRows {
  std::vector<uint32_t> positions;
  std::vector<size_t> begins;  // [leaves + 1]

  LeafRows(std::span<const int32_t> leaf_of, size_t leaf_count)
      : positions(leaf_of.size()), begins(leaf_count + 1, 0) {
    for (const int32_t leaf : leaf_of) ++begins[static_cast<size_t>(leaf) + 1];
    for (size_t leaf = 0; leaf < leaf_count; ++leaf) begins[leaf + 1] += begins[leaf];
    std::vector<size_t> next(begins.begin(), begins.end() - 1);
    for (size_t i = 0; i < leaf_of.size(); ++i) {
      positions[next[static_cast<size_t>(leaf_of[i])]++] = static_cast<uint32_t>(i);
    }
  }
  std::span<const uint32_t> of(size_t leaf) const {
    return std::span(positions).subspan(begins[leaf], begins[leaf + 1] - begins[leaf]);
  }
};

double capped_exp(double x) { return kernels::exact_exp(std::min(x, kernels::kGreatestExponent)); }

double residual_quantile(const RenewalRows& sample, std::span<const uint32_t> positions,
                         std::span<const double> targets, std::span<const float> weights,
                         double level) {
  std::vector<WeightedValue> residuals;
  residuals.reserve(positions.size());
  for (const uint32_t position : positions) {
    const uint32_t row = sample.rows[position];
    const double score = sample.scores.empty() ? 0.0 : sample.scores[row];
    residuals.push_back({targets[row] - score, weights.empty() ? 1.0 : double{weights[row]}});
  }
  return weighted_quantile(residuals, level);
}

}  // namespace

void set_leaf_quantiles(const RenewalRows& sample, std::span<const double> targets,
                        std::span<const float> weights, double level, kernels::Tree& tree) {
  const LeafRows leaves(sample.leaf_of, tree.leaf_values.size());
  for (size_t leaf = 0; leaf < tree.leaf_values.size(); ++leaf) {
    tree.leaf_values[leaf] =
        static_cast<float>(residual_quantile(sample, leaves.of(leaf), targets, weights, level));
  }
}

double LeafRenewal::quantile(const RenewalRows& sample, std::span<const uint32_t> positions) const {
  return residual_quantile(sample, positions, data_.targets, data_.weights, objective_.level);
}

double LeafRenewal::log_ratio(const RenewalRows& sample,
                              std::span<const uint32_t> positions) const {
  const double power = objective_.loss == kernels::Loss::kTweedie ? objective_.parameter : 1;
  double had = 0;
  double predicted = 0;
  for (const uint32_t position : positions) {
    const uint32_t row = sample.rows[position];
    const double score = sample.scores[row];
    const double share = power == 1 ? 1.0 : capped_exp((1 - power) * score);
    had += data_.weight(row) * (data_.targets[row] * share);
    predicted += data_.weight(row) * capped_exp((2 - power) * score);
  }
  had += options_.l2;
  predicted += options_.l2;
  // Bounds first: neither need have a logarithm.
  const double most = kernels::exact_exp(kMostLogStep);
  if (!(predicted > 0)) return had > 0 ? kMostLogStep : 0;
  if (had <= predicted / most) return -kMostLogStep;
  if (had >= predicted * most) return kMostLogStep;
  return kernels::exact_log(had / predicted);
}

Status LeafRenewal::renew(const RenewalRows& sample, Executor& executor,
                          kernels::Tree& tree) const {
  if (objective_.leaf_rule == LeafRule::kNewton) return {};
  const LeafRows leaves(sample.leaf_of, tree.leaf_values.size());
  return executor.parallel_for(
      static_cast<int64_t>(tree.leaf_values.size()), [&](int64_t chunk, int) {
        const auto leaf = static_cast<size_t>(chunk);
        const double value = objective_.leaf_rule == LeafRule::kQuantile
                                 ? quantile(sample, leaves.of(leaf))
                                 : log_ratio(sample, leaves.of(leaf));
        tree.leaf_values[leaf] = static_cast<float>(value * options_.learning_rate);
      });
}

void keep_monotone(std::span<const int8_t> monotone, kernels::Tree& tree) {
  std::vector<double> means(tree.nodes.size());
  for (size_t i = tree.nodes.size(); i-- > 0;) {  // children stand behind their parents
    const auto at = static_cast<size_t>(tree.nodes[i].left);
    if (tree.nodes[i].is_leaf()) {
      means[i] = double{tree.leaf_values[at]};
      continue;
    }
    const double left = double{tree.covers[at]};
    const double right = double{tree.covers[at + 1]};
    means[i] = (left * means[at] + right * means[at + 1]) / (left + right);
  }
  std::vector<kernels::NodeLimits> limits(tree.nodes.size());
  for (size_t i = 0; i < tree.nodes.size(); ++i) {
    const kernels::TreeNode& node = tree.nodes[i];
    const auto at = static_cast<size_t>(node.left);
    if (node.is_leaf()) {
      const double held = limits[i].hold(double{tree.leaf_values[at]});
      tree.leaf_values[at] = static_cast<float>(held);
      continue;
    }
    kernels::SplitLimits split;
    split.direction = monotone[static_cast<size_t>(node.feature)];
    const double left = limits[i].hold(means[at]);
    const double right = limits[i].hold(means[at + 1]);
    const bool keeps = kernels::keeps_direction(split.direction, left, right);
    split.middle = keeps ? (left + right) * 0.5 : limits[i].hold(means[i]);
    limits[at] = split.child(limits[i], 0);
    limits[at + 1] = split.child(limits[i], 1);
  }
}

}  // namespace assay::automl
