#include "automl/scheduler/partial_trial.h"

#include <algorithm>
#include <utility>

#include "automl/scheduler/out_of_fold_internal.h"

namespace assay::automl {

std::shared_ptr<const PartialTrial> partial_trial(const TrialSpec& spec, const TrainingSet& set,
                                                  size_t fold_count,
                                                  std::shared_ptr<const Model> model,
                                                  const OutOfFold& predictions) {
  auto partial = std::make_shared<PartialTrial>();
  partial->trial = spec.number;
  partial->learner = spec.learner;
  partial->fold_count = static_cast<int64_t>(fold_count);
  partial->model = std::move(model);
  for (const Fold& fold : set.folds().first(fold_count)) {
    partial->places.insert(partial->places.end(), fold.places.begin(), fold.places.end());
  }
  std::sort(partial->places.begin(), partial->places.end());
  partial->predictions = predictions.at(partial->places);
  return partial;
}

}  // namespace assay::automl
