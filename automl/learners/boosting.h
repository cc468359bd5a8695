// Booster: one fit of gradient boosted trees (Friedman, "Greedy Function Approximation: A Gradient
// Boosting Machine", 2001, with Newton steps).
//
// Scores start at the loss's best constant. Each round takes gradients and hessians of the loss at
// the scores, grows one tree an output on them, and adds the trees' leaf values to the scores of
// all training and validation rows. With validation rows the model keeps the rounds up to the least
// loss on them. A round costs about outputs * rows * features histogram updates.
//
// Rows that a round's trees were grown on get their leaf from grow_tree itself (leaf_of) where
// that memory is the host's; all others are sent through the trees. Both add the same f32 values to
// the same doubles, so the bits do not depend on the way.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "automl/learners/fit_data.h"
#include "automl/learners/gbt_options.h"
#include "automl/learners/goss.h"
#include "automl/learners/leaf_renewal.h"
#include "automl/learners/learner.h"
#include "automl/learners/objective.h"
#include "automl/learners/ordered_targets.h"
#include "automl/learners/placed_array.h"
#include "automl/learners/row_choice.h"
#include "automl/metrics/query_rows.h"
#include "kernels/kernel_set.h"
#include "kernels/tree.h"

namespace assay::automl {

class Booster {
 public:
  // All arguments must outlive the booster.
  Booster(const FitRequest& request, const GbtOptions& options, const FitData& data,
          const Objective& objective, const kernels::ComputeContext& context);
  // Call once. Fails: as Learner::fit.
  Result<FitResult> run();

 private:
  Status setup();
  // The bins that trees are grown on and go by while boosting, and what constrains them.
  Status setup_features();
  // Takes over the trees of the initial model or of an earlier fit's state, and what they add to
  // the scores.
  Status setup_start();
  Status setup_state();
  // Adds the leaves of the forest's trees `begin` to `end` to the scores of all rows.
  Status add_trees(int64_t begin, int64_t end);
  // After the first `rounds`.
  Result<FitState> state_after(int64_t rounds, const FitResult& result, double best) const;
  // Grows this round's trees into round_ and updates the scores.
  Status boost(int64_t round);
  // Rounds from some one on see a choice of the rows by their gradients.
  bool by_gradients() const { return options_.sampling == "goss"; }
  Status sample_rows(int64_t round);
  // The chosen rows, and what goes with them, on the device.
  Status place_sample();
  // Chooses from all rows by their gradients, scales those and places the sample.
  Status sample_by_gradients(int64_t round);
  std::vector<uint8_t> sample_features(int64_t round) const;
  Status compute_gradients();
  // Gradients are computed at the scores of all training rows, not of the sample's alone.
  bool from_all_rows() const { return by_gradients() || ranks(); }
  bool ranks() const { return objective_.ranks > 0; }
  kernels::GrowTreeProblem tree_problem(int64_t round, int32_t output) const;
  // Where trees grow.
  kernels::Device& grower() const;
  Result<kernels::GrowTreeArgs> tree_args(int32_t output, const std::vector<uint8_t>& mask);
  Status grow(int64_t round, int32_t output, const std::vector<uint8_t>& mask);
  // The trees of all outputs at once.
  Status grow_together(int64_t round, const std::vector<uint8_t>& mask);
  Status renew(kernels::Tree& tree);
  // What round_'s trees from `output` on add to the scores of the rows that they were grown on.
  Status add_leaves(int32_t output);
  Status predict_others();
  Status predict_everywhere();
  Result<double> validate();
  Status keep_valid_scores();
  int64_t patience(int64_t best_round) const;
  // Brings the trees to the table's features.
  void translate_forest();
  Result<FitResult> finish(FitResult result);

  const FitRequest& request_;
  const GbtOptions& options_;
  const FitData& data_;
  const Objective& objective_;
  const kernels::ComputeContext& context_;

  int32_t outputs_;  // scores a row, trees a round
  int64_t row_count_;
  int32_t feature_count_;  // of the table
  bool validates_;         // there are rows to validate on
  bool samples_;           // rounds differ in their rows
  bool host_trees_;        // grow_tree works in the host's memory
  bool together_;          // a round's trees are grown together
  kernels::BinnedView grow_bins_;
  kernels::BinnedView predict_bins_;
  std::optional<OrderedTargets> ordered_;
  // [features of grow_bins_], empty without constraints.
  std::vector<int8_t> monotone_;
  std::vector<uint64_t> interactions_;
  int64_t start_ = 0;  // rounds of the initial model
  int64_t first_ = 0;  // round that this fit makes first
  kernels::Forest forest_;
  kernels::Forest round_;

  RowChoice choice_;  // of the training rows for this round
  // Rows of this round's trees; the other training rows and the validation rows. Both ascending,
  // the host's side of sample_rows_ and other_rows_.
  std::span<const uint32_t> sample_;
  std::span<const uint32_t> others_;
  PlacedArray<uint32_t> sample_rows_;
  PlacedArray<uint32_t> other_rows_;
  PlacedArray<uint32_t> train_rows_;  // if gradients are computed for all; rankings: by query
  QueryRows train_queries_;           // of a ranking
  QueryRows valid_queries_;
  std::vector<float> sizes_;  // of their gradients
  std::vector<GossWord> goss_words_;
  PlacedArray<uint32_t> valid_rows_;
  PlacedArray<double> scores_;  // [rows, outputs]
  PlacedArray<double> other_scores_;
  PlacedArray<double> targets_;
  PlacedArray<int32_t> classes_;
  PlacedArray<float> weights_;
  PlacedArray<float> gradients_;  // [outputs, rows]
  PlacedArray<float> hessians_;
  PlacedArray<int32_t> leaf_of_;     // [outputs that are grown together, sample]
  std::vector<double> best_scores_;  // [validation rows, outputs] at the best round
  std::vector<float> max_gradients_;
  std::vector<float> max_hessians_;
};

}  // namespace assay::automl
