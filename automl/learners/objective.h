// Objective: what boosting minimises: the loss of the kernel, what scores mean (the link), where
// they start, and what a leaf is worth.
//
// Targets are brought to where the loss is at home: distances (squared, absolute, huber, quantile)
// work on standardised targets, poisson and tweedie on targets of mean 1, cross_entropy on the
// chances and lambdarank on the relevances themselves. So options mean the same whatever the unit
// of the target.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "automl/learners/fit_data.h"
#include "automl/learners/gbt_options.h"
#include "automl/learners/learner.h"
#include "automl/models/scores.h"
#include "kernels/loss.h"

namespace assay::automl {

// How the value of a leaf is found.
enum class LeafRule : uint8_t {
  kNewton,    // grow_tree's own: -G / (H + l2)
  kQuantile,  // the quantile `level` of the residuals of its rows
  kLogRatio,  // log of what its rows have over what they are predicted
};

struct Objective {
  kernels::Loss loss = kernels::Loss::kSquared;
  double parameter = 0;  // LossProblem::parameter
  Link link = Link::kIdentity;
  std::vector<double> base_scores;  // the best constant of the training rows, one an output
  LeafRule leaf_rule = LeafRule::kNewton;
  double level = 0.5;  // of LeafRule::kQuantile
  double ranks = 0;    // of a ranking, those of ndcg that fits are validated by; 0: by the loss
  // The loss is that of the sweep's aim, which fits of other settings report, too.
  bool common = true;
};

// The loss that the options name, for such a task; "auto" is logistic, softmax, or the one that
// serves the aim.
// Fails: config if it is none of the task's.
Result<kernels::Loss> loss_for(Task task, const Aim& aim, const GbtOptions& options);
// What scores mean under the loss.
Link link_of(kernels::Loss loss);
// "quantile", as options name it.
std::string_view objective_name(kernels::Loss loss);
// Learner::own_aim: that of an objective that is named and not searched, nor its alpha.
std::optional<OwnAim> own_aim_of(const ParamMap& settled);
// What FitData is prepared for: the sweep's aim where the objective follows it.
Aim fit_aim(const TrainingData& data, const GbtOptions& options);
LeafRule leaf_rule_of(kernels::Loss loss);

// Whether the targets, those of `rows`, are of the loss's domain.
// Fails: data, with the row (from 1): poisson, tweedie and lambdarank want targets >= 0,
// cross_entropy in [0, 1].
Status check_targets(const TrainingData& data, std::span<const uint32_t> rows, kernels::Loss loss);

// Whether rows may be sampled so under the loss: drawn rows of goss count for others by their
// gradients, so leaves must be made of gradients. Fails: config.
Status check_sampling(const GbtOptions& options, kernels::Loss loss);

// Fails: config if rankings are to be learned and nothing says which rows answer one query.
Status check_queries(const TrainingData& data, kernels::Loss loss);

// The objective of a fit; `data` was prepared for fit_aim(). Brings data.targets and data.target to
// it. Fails: config; data, also if poisson or tweedie are named and no target above 0 is there to
// learn from (auto is squared then).
Result<Objective> make_objective(const FitRequest& request, const GbtOptions& options,
                                 FitData& data);

}  // namespace assay::automl
