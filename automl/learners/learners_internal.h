// The learners, one accessor each; learner.cc lists them. Objects live as long as the program.
#pragma once

#include "automl/learners/learner.h"

namespace assay::automl {

const Learner& constant_learner();
const Learner& linear_learner();
const Learner& gbt_learner();
const Learner& extra_trees_learner();
const Learner& random_forest_learner();
const Learner& mlp_learner();

}  // namespace assay::automl
