// ForestFit: one fit of a random forest (Breiman, "Random Forests", 2001) or of extra trees
// (Geurts, Ernst, Wehenkel, "Extremely Randomized Trees", 2006).
//
// Trees are independent: each is a function of the seed and its number. Where the trees' memory is
// the host's and the rows are not too many, whole trees are grown side by side, one a thread, and
// as many at a time as keep all threads busy, whatever the reports ask for; where it is a device's
// and the rows are few, up to 16 in a call; else one after the other, each on all threads. The
// forest is the same. Bootstrap samples are weights: how often a row was drawn. A forest that is
// stopped keeps the trees it has, but for those of a call that was under way.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "automl/learners/fit_data.h"
#include "automl/learners/forest_options.h"
#include "automl/learners/learner.h"
#include "kernels/kernel_set.h"
#include "kernels/tree.h"

namespace assay::automl {

// With more rows than these a tree takes long, and a fit reports more often.
inline constexpr int64_t kSlowRows = 200'000;
// Trees of more rows than these are not grown side by side: a fit that is stopped would have none
// for long.
inline constexpr int64_t kSideBySideRows = 500'000;

// Whether whole trees are grown side by side on the host: where a tree takes long, only if what all
// of them take at once is little.
bool grows_side_by_side(int64_t train_count, int threads);

class ForestFit {
 public:
  // Times that a fit reports its progress; the second where a tree takes long.
  static constexpr int64_t kReports = 10;
  static constexpr int64_t kSlowReports = 50;
  // All references must outlive it.
  ForestFit(const FitRequest& request, const ForestOptions& options, bool random_thresholds,
            const FitData& data, const kernels::ComputeContext& context);
  // Call once. Fails: as Learner::fit.
  Result<FitResult> run();

 private:
  // What one tree is grown on.
  struct Sample {
    std::vector<uint32_t> rows;    // ascending
    std::vector<float> weights;    // [all rows]: class mode, or hessians of regression
    std::vector<float> gradients;  // [all rows]: regression
    float max_weight = 0;
    float max_abs_gradient = 0;
  };
  // How often each training row is in a tree's bootstrap sample.
  std::vector<float> bootstrap_counts(int64_t tree) const;
  Sample draw(int64_t tree) const;
  // Of a tree on so many rows, without its seed.
  kernels::GrowTreeProblem tree_problem(int64_t sample_count) const;
  // Where trees grow.
  kernels::Device& grower() const;
  // A sample where the grower can read it, and what it is told.
  struct Work;
  Result<Work> place(int64_t tree, Sample sample) const;
  // What is done to a tree that has been grown.
  Status settle(Work& work, kernels::Tree& tree) const;
  Status grow(int64_t tree, Executor& executor, kernels::Tree& out) const;
  // Trees [begin, begin + out.size()) in one call of a device that gains by it.
  Status grow_together(int64_t begin, std::span<kernels::Tree> out) const;
  // How many that are.
  int64_t trees_together() const;
  bool side_by_side() const;
  // The end of the trees that are grown at once if those of [begin, end) are wanted.
  int64_t batch_end(int64_t begin, int64_t end) const;
  // Grows trees [begin, end), in order of number, and appends them to `trees`; those that were not
  // finished before a stop are left out.
  Status grow_batch(int64_t begin, int64_t end, std::vector<kernels::Tree>& trees) const;
  // The trees [begin, end), or all there are if a stop came before: from those grown ahead, which
  // grow by what is missing.
  Status next_trees(int64_t begin, int64_t end, std::vector<kernels::Tree>& trees);
  Status add_to_validation(const std::vector<kernels::Tree>& trees);
  // Adds trees, the first of which has this number, to the sums of the rows that they left out.
  Status add_to_left_out(int64_t first, const std::vector<kernels::Tree>& trees);
  Status finish_left_out(FitResult& result) const;
  double validate() const;
  Result<FitResult> finish(FitResult result);

  const FitRequest& request_;
  const ForestOptions& options_;
  const bool random_thresholds_;
  const FitData& data_;
  const kernels::ComputeContext& context_;
  int32_t class_count_;  // 0: regression
  int32_t outputs_;
  std::vector<double> prior_;  // class mode: shares of the training rows, none 0
  int64_t row_count_;
  kernels::BinnedView grow_bins_;
  kernels::Forest forest_;
  std::vector<kernels::Tree> ahead_;  // grown, behind those of forest_
  std::vector<double> valid_sums_;    // [validation rows, outputs]
  // With out_of_bag: [training rows, outputs], and by how many trees.
  std::vector<double> oob_sums_;
  std::vector<int32_t> oob_counts_;
};

}  // namespace assay::automl
