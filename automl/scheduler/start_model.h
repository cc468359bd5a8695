// The registered model that a run goes on from (config: model.init): one trial of boosted trees,
// with a model for each fold. Immutable.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "automl/preprocess/predictor.h"
#include "automl/validation/training_set.h"
#include "tracking/workspace.h"

namespace assay::automl {

class StartModel {
 public:
  // Fails: config if there is no such model, or it is an ensemble of trials or no boosted trees;
  // data for a damaged one; io.
  static Result<StartModel> load(const std::shared_ptr<tracking::Workspace>& workspace,
                                 const std::string& reference);

  // Whether a run on `set` can go on from it: target, task and labels must be the model's.
  // Fails: config.
  Status check_target(const TrainingSet& set) const;
  // Likewise its folds, once they are planned: as many as the model has, or the model has one.
  // Fails: config.
  Status check_folds(const TrainingSet& set) const;

  // That of a fold.
  const Model* model(size_t fold) const { return models_[models_.size() == 1 ? 0 : fold].get(); }
  // The features it was trained on.
  std::shared_ptr<const FeatureEncoder> encoder() const;
  int64_t byte_count() const;                        // of the greatest fold's model
  const std::string& name() const { return name_; }  // "churn:3"

 private:
  StartModel() = default;
  std::shared_ptr<const Predictor> predictor_;
  std::vector<std::shared_ptr<const Model>> models_;
  std::string name_;
};

}  // namespace assay::automl
