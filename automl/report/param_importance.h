// How much each hyper-parameter decides whether a trial is among the best: PED-ANOVA (Watanabe,
// Bansal, Hutter: "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
// Subspaces", IJCAI 2023). For each parameter the density of the best trials is compared with that
// of all trials; the importance is the mean squared deviation of their ratio from 1, weighted by
// the density of all (the Pearson divergence), so that how a search sampled does not matter. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "automl/report/trial_params.h"

namespace assay::automl {

struct ParamImportance {
  std::string name;
  double share = 0;  // they sum to 1
};

// Fewer trials of a learner say nothing.
inline constexpr size_t kLeastTrials = 12;

// How many trials count as the best of so many: a tenth, at least 4.
size_t best_count(size_t trials);

// Most important first; empty below kLeastTrials, without columns, or if nothing decides.
std::vector<ParamImportance> param_importance(const LearnerTrials& trials);

}  // namespace assay::automl
