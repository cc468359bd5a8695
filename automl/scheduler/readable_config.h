// What constraints.interpretable stands for: a config of learners whose models a person can read.
#pragma once

#include <span>

#include "automl/config/experiment_config.h"
#include "automl/learners/learner.h"

namespace assay::automl {

// Leaves `config` the learners that have readable_params(), fixed to these, and no ensemble. The
// same config again if it was made so before. `learners` is what there is; empty: learner_list().
// Fails: config if the config names other learners, or sets such a parameter to something else.
Status make_readable(ExperimentConfig& config, std::span<const Learner* const> learners);

}  // namespace assay::automl
