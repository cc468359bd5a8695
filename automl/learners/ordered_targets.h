// Ordered target statistics (Prokhorenkova et al., "CatBoost: unbiased boosting with categorical
// features", 2018): a category's levels become numbers, the mean target of rows of the same level.
// A training row's number is made from the rows before it in a random order, so that its own target
// is not in it; all other rows get those of all training rows.
//
// The numbers are binned, and trees grow on the bins; validation and later rows go by their level
// alone, so that a finished tree's threshold is a set of levels: models know nothing of all this.
// A task of K > 2 classes has K - 1 numbers a category, the share of each class but the first.
#pragma once

#include <cstdint>
#include <list>
#include <span>
#include <vector>

#include "automl/learners/fit_data.h"
#include "automl/learners/learner.h"
#include "datasets/binned_matrix.h"
#include "kernels/kernel_set.h"
#include "kernels/tree.h"

namespace assay::automl {

// Rows by place, and what their levels are worth: (sum of w y + smooth * prior) / (sum of w +
// smooth), prior where the divisor is 0.
struct LevelTargets {
  std::span<const uint8_t> levels;
  std::span<const double> targets;
  std::span<const float> weights;  // empty: all 1
  double prior = 0;
  double smooth = 0;

  // For each place, over the places of its level that stand before it in `order`.
  std::vector<double> ordered(std::span<const uint32_t> order) const;
  // [256]: for each level, over all its places.
  std::vector<double> by_level() const;
};

struct OrderedOptions {
  int32_t onehot_levels = 0;  // categories of at most this many levels stay what they are
  double smooth = 1;
};

class OrderedTargets {
 public:
  // Bins the statistics of the request's training rows. `data` as the objective has it.
  // Fails: cancelled, resource_exhausted, device.
  static Result<OrderedTargets> make(const FitRequest& request, const FitData& data,
                                     const OrderedOptions& options,
                                     const kernels::ComputeContext& context);

  // Features to grow on: those of the table, each at its place, then further numbers of categories.
  int32_t feature_count() const { return static_cast<int32_t>(origins_.size()); }
  // The table's feature that each is made from.
  std::span<const int32_t> origins() const { return origins_; }
  // Their bins on `device`, for growing; valid as long as this.
  Result<kernels::BinnedView> bins(kernels::Device& device, const kernels::ComputeContext& context);
  // Brings a tree on these features to the table's.
  void translate(kernels::Tree& tree) const;

  // Memory that it takes beside the table, at its peak.
  static int64_t planned_bytes(const DataShape& shape, int threads);

 private:
  class Maker;
  OrderedTargets() = default;
  std::vector<int32_t> origins_;
  std::vector<std::vector<uint8_t>> level_bins_;  // [features]: bin of each of 256 levels, or empty
  std::vector<int32_t> bin_counts_;
  std::vector<kernels::FeatureKind> kinds_;
  std::vector<uint8_t> cells_;  // in the layout of BinnedView
  int64_t row_count_ = 0;
  std::list<datasets::BinnedMatrix> matrices_;  // one a device
};

}  // namespace assay::automl
