// Going on with the training of a boosted model. The rounds that follow are those that one fit of
// all rounds would have made, bit for bit, if rows, options and seed are the same: what a round
// draws depends on its number, and scores are sums of leaves in order of trees.
#pragma once

#include "automl/learners/fit_data.h"
#include "automl/learners/gbt_options.h"
#include "automl/learners/objective.h"
#include "automl/models/tree_model.h"

namespace assay::automl {

// request.init_model as boosted trees of the request's features and such an objective.
// Fails: config if it is anything else.
Result<const TreeModel*> start_model(const FitRequest& request, const Objective& objective);

// Whether settings of which these are not searched go on from such a model: Learner::check_start.
// Fails: config.
Status check_start(const Model& start, Task task, const Aim& aim, const ParamMap& settled);

// Brings targets to the scale of the initial model, if there is one, and takes its base scores.
// Fails: config, also for options that cannot go on.
Status adopt_start(const FitRequest& request, const GbtOptions& options, FitData& data,
                   Objective& objective);

}  // namespace assay::automl
