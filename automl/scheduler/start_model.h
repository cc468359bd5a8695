// The registered model that a run goes on from (config: model.init): one trial of boosted trees,
// with a model for each fold; of several partitions (TrainingSet::all_folds) the first is gone on
// with. Immutable.
//
// A run goes on as the model's own run went, or not at all: on other rows or folds each fold would
// be scored on rows that its initial model has seen, and constraints that the first rounds do not
// keep cannot be kept by those that follow.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "automl/config/experiment_config.h"
#include "automl/preprocess/predictor.h"
#include "automl/validation/training_set.h"
#include "datasets/target.h"
#include "tracking/model_registry.h"
#include "tracking/run_record.h"
#include "tracking/workspace.h"

namespace assay::automl {

class StartModel {
 public:
  // Fails: config if there is no such model, or it is an ensemble of trials or no boosted trees, or
  // its run is not to be read here any more; data for a damaged one; io.
  static Result<StartModel> load(const std::shared_ptr<tracking::Workspace>& workspace,
                                 const std::string& reference);

  // Whether a run of `config` on the table `dataset` is as the model's own: table, target, task,
  // classes, metric, seed, columns, weights, constraints, validation and what scores mean.
  // Fails: config, naming what differs with both values.
  Status check_run(const ExperimentConfig& config, const datasets::Target& target,
                   const tracking::DatasetUse& dataset) const;
  // Whether its run held rows out, instead of making folds.
  bool is_holdout() const { return models_.size() == 1; }
  // Whether the run's folds are as the model's own, once they are planned.
  // Fails: config.
  Status check_folds(const TrainingSet& set) const;

  // That of a fold, as it was fitted on TrainingSet::data(fold).
  const Model* model(size_t fold) const;
  // The features it was trained on.
  std::shared_ptr<const FeatureEncoder> encoder() const;
  int64_t byte_count() const;                        // of the greatest fold's model
  const std::string& name() const { return name_; }  // "churn:3"
  // What is damaged of its history (tracking::ModelVersion::damage).
  const std::vector<std::string>& damage() const { return version_.damage; }

 private:
  StartModel() = default;
  Status load_run(tracking::Workspace& workspace);
  Status check_learners(const ExperimentConfig& config, Task task, const Aim& aim) const;

  std::shared_ptr<const Predictor> predictor_;
  std::vector<std::shared_ptr<const Model>> models_;
  std::string name_;
  tracking::ModelVersion version_;
  // Of its run.
  std::map<std::string, tracking::Value> params_;
  tracking::DatasetUse dataset_;
};

}  // namespace assay::automl
