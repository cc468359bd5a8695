// What a trial that was stopped had of its folds: models that know some of the rows to be scored.
// Plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "automl/models/model.h"
#include "automl/search/trial_spec.h"
#include "automl/validation/training_set.h"

namespace assay::automl {

struct PartialTrial {
  int64_t trial = 0;
  std::string learner;
  int64_t fold_count = 0;              // folds that were fitted
  std::shared_ptr<const Model> model;  // their average
  std::vector<uint32_t> places;        // rows of out-of-fold predictions they cover, ascending
  std::vector<float> predictions;      // [places, outputs]
};

class OutOfFold;

// Of the first `fold_count` folds of the first partition, which `predictions` has.
std::shared_ptr<const PartialTrial> partial_trial(const TrialSpec& spec, const TrainingSet& set,
                                                  size_t fold_count,
                                                  std::shared_ptr<const Model> model,
                                                  const OutOfFold& predictions);

}  // namespace assay::automl
