// Booster: one fit of gradient boosted trees (Friedman, "Greedy Function Approximation: A Gradient
// Boosting Machine", 2001, with Newton steps), in the steps of its rounds: boosting_group.h takes
// one or several fits through them.
//
// Scores start at the loss's best constant. Each round takes gradients and hessians of the loss at
// the scores, grows one tree an output on them, and adds the trees' leaf values to the scores of
// all training and validation rows. With validation rows the model keeps the rounds up to the least
// loss on them. A round costs about outputs * rows * features histogram updates.
//
// Rows that a round's trees were grown on get their leaf from grow_tree itself (leaf_of) where
// that memory is the host's; all others are sent through the trees. Both add the same f32 values to
// the same doubles, so the bits do not depend on the way. boosting.cc has how a fit begins and
// ends, boosting_round.cc what a round does.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
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

// Not thread-safe; several may work side by side, each with an executor of its own.
class Booster {
 public:
  // Before the first round. `request` must outlive the booster; `context` is copied.
  // Fails: as Learner::fit.
  static Result<std::unique_ptr<Booster>> make(const FitRequest& request,
                                               const kernels::ComputeContext& context);
  Booster(const Booster&) = delete;
  Booster& operator=(const Booster&) = delete;

  // Whether there is no round left to make.
  bool done() const { return done_; }
  // The threads of the steps that follow.
  void set_executor(Executor& executor) { context_.executor = &executor; }

  // A round, step by step. What fails ends the fit, which then passes over all further steps; so
  // does a stop, and the rounds that were made stand.
  // 1. Chooses rows and features, and takes gradients.
  void begin_round();
  // 2. Grows the trees: alone, or with others' by grow_trees.
  void grow();
  // 2. Whether grow_trees may have them: it works where the trees would grow.
  bool grows_together() const { return together_; }
  // The table they grow on; trees of one table can be grown in one call.
  const kernels::BinnedView& table() const { return grow_bins_; }
  // Adds the round's trees to a call, and hears how that went.
  Status add_trees(kernels::GrowTreesProblem& problem, kernels::GrowTreesArgs& args);
  void heed(const Status& status);
  // 3. Brings the trees into the scores and validates.
  void end_round();
  // 4. Tells the observer; on the thread that called fit.
  void report();

  // Call once, when done. Fails: as Learner::fit.
  Result<FitResult> finish();

 private:
  struct Parts {
    GbtOptions options;
    FitData data;
    Objective objective;
  };
  Booster(const FitRequest& request, Parts parts, const kernels::ComputeContext& context);
  Status setup();
  // The bins that trees are grown on and go by while boosting, and what constrains them.
  Status setup_features();
  // Takes over the trees of the initial model or of an earlier fit's state, and what they add to
  // the scores.
  Status setup_start();
  Status setup_state();
  // Where the fit stands before its first round.
  Status setup_progress();
  // Adds the leaves of the forest's trees `begin` to `end` to the scores of all rows.
  Status add_forest(int64_t begin, int64_t end);
  // After the first `rounds`.
  Result<FitState> state_after(int64_t rounds) const;
  // Gives the observer the state if it wants it.
  Status offer_state(bool last);
  // Whether the rounds since the best one are enough to end.
  bool waited() const;
  int64_t patience(int64_t best_round) const;
  // Brings the trees to the table's features.
  void translate_forest();

  Status prepare_round();
  // Rounds from some one on see a choice of the rows by their gradients.
  bool by_gradients() const { return options_.sampling == "goss"; }
  // Gradients are computed at the scores of all training rows, not of the sample's alone.
  bool from_all_rows() const { return by_gradients() || ranks(); }
  bool ranks() const { return objective_.ranks > 0; }
  Status sample_rows(int64_t round);
  // The chosen rows, and what goes with them, on the device.
  Status place_sample();
  // Chooses from all rows by their gradients, scales those and places the sample.
  Status sample_by_gradients(int64_t round);
  std::vector<uint8_t> sample_features(int64_t round) const;
  Status compute_gradients();
  // Where trees grow.
  kernels::Device& grower() const;
  kernels::GrowTreeProblem tree_problem(int32_t output) const;
  Result<kernels::GrowTreeArgs> tree_args(int32_t output);
  Status grow_alone();
  // Takes the grown trees into the round, and the scores.
  Status take_trees();
  Status renew(kernels::Tree& tree);
  // What the round's trees add to the scores of the rows that they were grown on.
  Status add_leaves();
  Status predict_others();
  Status predict_everywhere();
  // Appends the round to the model and validates it.
  Status close_round();
  Result<double> validate();
  Status keep_valid_scores();

  const FitRequest& request_;
  const GbtOptions options_;
  const FitData data_;
  const Objective objective_;
  kernels::ComputeContext context_;

  int32_t outputs_;  // scores a row, trees a round
  int64_t row_count_;
  int32_t feature_count_;  // of the table
  bool validates_;         // there are rows to validate on
  bool samples_;           // rounds differ in their rows
  bool host_trees_;        // grow_tree works in the host's memory
  bool together_;          // where grow_trees works
  kernels::BinnedView grow_bins_;
  kernels::BinnedView predict_bins_;
  std::optional<OrderedTargets> ordered_;
  // [features of grow_bins_], empty without constraints.
  std::vector<int8_t> monotone_;
  std::vector<uint64_t> interactions_;
  int64_t start_ = 0;  // rounds of the initial model
  int64_t first_ = 0;  // round that this fit makes first
  int64_t last_ = 0;   // that it ends before
  kernels::Forest forest_;

  FitResult result_;  // so far
  double best_ = std::numeric_limits<double>::infinity();
  int64_t validated_ = 0;  // rounds that were validated, or made, without rows to validate on
  bool done_ = false;
  Status failure_;

  // This round's.
  bool idle_ = false;  // trees without a split
  double loss_ = 0;
  std::vector<uint8_t> mask_;         // features; empty: all
  std::vector<kernels::Tree> trees_;  // [outputs], as they were grown
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
  PlacedArray<int32_t> leaf_of_;     // [outputs, sample]
  std::vector<double> best_scores_;  // [validation rows, outputs] at the best round
  std::vector<float> max_gradients_;
  std::vector<float> max_hessians_;
};

}  // namespace assay::automl
