// Values of leaves where a Newton step is a poor one: the loss's own best constant for the leaf's
// rows, given their scores (Friedman 2001 has it for the absolute loss).
//
//   kQuantile  the weighted quantile of y - s
//   kLogRatio  log((sum w y e^(a s) + l2) / (sum w e^(b s) + l2)), a = 1 - power, b = 2 - power
//              (poisson: power 1), held within +-4: the exact minimum of the deviance, with l2
//              further rows of the mean that are predicted right
//
// Rows are taken leaf by leaf in ascending order, so the bits do not depend on threads.
#pragma once

#include <cstdint>
#include <span>

#include "automl/learners/fit_data.h"
#include "automl/learners/objective.h"
#include "kernels/base/executor.h"
#include "kernels/tree.h"

namespace assay::automl {

// Memory that renewal takes for each row of the sample.
inline constexpr int64_t kRenewalRowBytes = 20;

struct RenewalRows {
  std::span<const uint32_t> rows;    // the tree's sample
  std::span<const int32_t> leaf_of;  // [rows.size()]
  std::span<const double> scores;    // [all rows], before the tree; empty: 0
};

// Replaces tree.leaf_values by the weighted quantiles `level` of the targets, [all rows], of their
// rows: for trees that stand alone. `weights` [all rows]. O(rows).
void set_leaf_quantiles(const RenewalRows& sample, std::span<const double> targets,
                        std::span<const float> weights, double level, kernels::Tree& tree);

// Replaces tree.leaf_values (one a leaf) by those of the objective's rule, times the learning rate.
// Does nothing for LeafRule::kNewton. O(rows).
class LeafRenewal {
 public:
  // All arguments must outlive it.
  LeafRenewal(const Objective& objective, const GbtOptions& options, const FitData& data)
      : objective_(objective), options_(options), data_(data) {}
  Status renew(const RenewalRows& sample, Executor& executor, kernels::Tree& tree) const;

 private:
  double quantile(const RenewalRows& sample, std::span<const uint32_t> positions) const;
  double log_ratio(const RenewalRows& sample, std::span<const uint32_t> positions) const;

  const Objective& objective_;
  const GbtOptions& options_;
  const FitData& data_;
};

// Holds leaf values within bounds, so that the tree keeps to the directions of its splits' features
// ([features], -1, 0 or 1) whatever the values were: as grow_tree bounds them, with the means of
// subtrees (by covers) as values of nodes. O(nodes).
void keep_monotone(std::span<const int8_t> monotone, kernels::Tree& tree);

}  // namespace assay::automl
