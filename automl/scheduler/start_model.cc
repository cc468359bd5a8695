#include "automl/scheduler/start_model.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "automl/models/average_model.h"
#include "automl/models/tree_model.h"
#include "tracking/model_registry.h"

namespace assay::automl {
namespace {

bool is_boosted(const Model& model) {
  const auto* trees = dynamic_cast<const TreeModel*>(&model);
  return trees != nullptr && !trees->parts().average;
}

// How many trials the model is made of, as its run noted it.
int64_t trial_count(const Predictor& predictor) {
  const auto note = predictor.notes().find("members");
  if (note == predictor.notes().end()) return 1;
  const auto* count = std::get_if<int64_t>(&note->second);
  return count == nullptr ? 1 : *count;
}

}  // namespace

Result<StartModel> StartModel::load(const std::shared_ptr<tracking::Workspace>& workspace,
                                    const std::string& reference) {
  tracking::ModelRegistry registry(workspace);
  const auto version = registry.resolve(reference);
  if (!version) {
    return fail(StatusCode::kConfig, "model.init: {}", version.error().message);
  }
  StartModel start;
  start.name_ = fmt::format("{}:{}", version->name, version->version);
  ASSAY_ASSIGN_OR_RETURN(std::string bytes, registry.read_model(*version));
  ASSAY_ASSIGN_OR_RETURN(Predictor predictor, Predictor::from_bytes(std::move(bytes), start.name_));
  start.predictor_ = std::make_shared<const Predictor>(std::move(predictor));
  const int64_t trials = trial_count(*start.predictor_);
  if (trials > 1) {
    return fail(StatusCode::kConfig,
                "model.init: {} is an ensemble of {} trials (must be one trial of gbt; "
                "ensemble.enabled: false registers the best one alone)",
                start.name_, trials);
  }
  const Model& model = start.predictor_->model();
  if (const auto* average = dynamic_cast<const AverageModel*>(&model)) {
    start.models_ = average->members();
  } else {
    start.models_.push_back(std::shared_ptr<const Model>(start.predictor_, &model));
  }
  const bool boosted = std::all_of(start.models_.begin(), start.models_.end(),
                                   [](const auto& member) { return is_boosted(*member); });
  if (!boosted) {
    return fail(StatusCode::kConfig,
                "model.init: {} is no model of gbt (only boosted trees can be gone on with)",
                start.name_);
  }
  return start;
}

Status StartModel::check_target(const TrainingSet& set) const {
  if (predictor_->target() != set.target().name || predictor_->task() != set.task()) {
    return fail(StatusCode::kConfig,
                "model.init: {} predicts '{}' ({}), and the run's target is '{}' ({})", name_,
                predictor_->target(), name_of(predictor_->task()), set.target().name,
                name_of(set.task()));
  }
  if (predictor_->labels() == set.labels()) return {};
  return fail(StatusCode::kConfig,
              "model.init: {} knows the classes {}, and the table has {} (must be the same)", name_,
              fmt::join(predictor_->labels(), ", "), fmt::join(set.labels(), ", "));
}

Status StartModel::check_folds(const TrainingSet& set) const {
  const size_t folds = set.folds().size();
  if (models_.size() == 1 || models_.size() == folds) return {};
  return fail(StatusCode::kConfig,
              "model.init: {} has a model for each of {} folds, and the run has {} (validation: "
              "must be as in the model's run)",
              name_, models_.size(), folds);
}

std::shared_ptr<const FeatureEncoder> StartModel::encoder() const {
  return {predictor_, &predictor_->encoder()};
}

int64_t StartModel::byte_count() const {
  int64_t most = 0;
  for (const auto& member : models_) most = std::max(most, member->byte_count());
  return most;
}

}  // namespace assay::automl
