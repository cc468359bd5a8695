#include "automl/scheduler/start_model.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <span>
#include <utility>

#include "automl/learners/learner.h"
#include "automl/models/average_model.h"
#include "automl/models/calibrated_model.h"
#include "automl/models/level_targets.h"
#include "automl/models/tree_model.h"
#include "automl/scheduler/trial_record.h"
#include "automl/validation/metric_choice.h"
#include "kernels/base/names.h"
#include "tracking/run_query.h"

namespace assay::automl {
namespace {

// What was fitted.
const Model& fitted(const Model& model) {
  const auto* levels = dynamic_cast<const LevelTargetModel*>(&model);
  return levels == nullptr ? model : *levels->model();
}

bool is_boosted(const Model& model) {
  const auto* trees = dynamic_cast<const TreeModel*>(&fitted(model));
  return trees != nullptr && !trees->parts().average;
}

// How many trials the model is made of, as its run noted it.
int64_t trial_count(const Predictor& predictor) {
  const auto note = predictor.notes().find("members");
  if (note == predictor.notes().end()) return 1;
  const auto* count = std::get_if<int64_t>(&note->second);
  return count == nullptr ? 1 : *count;
}

bool is_refitted(const Predictor& predictor) { return predictor.notes().contains("refitted"); }

// What must be recorded of the model's run as it is of this one.
constexpr const char* kCompared[] = {"seed",
                                     "class_weight",
                                     "data.drop",
                                     "data.weight",
                                     "data.group",
                                     "data.time_column",
                                     "data.missing_tokens",
                                     "data.column_types",
                                     "data.monotone",
                                     "data.interactions",
                                     "validation.folds",
                                     "validation.holdout_fraction",
                                     "validation.stratify"};
constexpr const char* kUnknown = "not recorded";

std::string recorded(const std::map<std::string, tracking::Value>& params, const char* key) {
  const auto at = params.find(key);
  return at == params.end() ? kUnknown : at->second.text();
}

std::string table_text(const tracking::DatasetUse& use) {
  constexpr size_t kShownDigits = 12;
  return fmt::format("{} rows and {} columns of sha256 {}", use.rows, use.columns,
                     use.content_hash.substr(0, kShownDigits));
}

// What the model's run and this one do not have in common.
class Differences {
 public:
  void compare(std::string_view what, std::string_view there, std::string_view here) {
    if (there == here) return;
    texts_.push_back(fmt::format("{} is {} there and {} here", what, shown(there), shown(here)));
  }
  Status status(const std::string& model) const {
    if (texts_.empty()) return {};
    constexpr size_t kNamed = 3;
    const size_t named = std::min(texts_.size(), kNamed);
    const std::string more =
        texts_.size() > named ? fmt::format("; {} more", texts_.size() - named) : std::string();
    return fail(StatusCode::kConfig,
                "model.init: this run must be as the one that made {}, or its folds would be "
                "scored on rows that the model has seen: {}{}",
                model,
                fmt::join(texts_.begin(), texts_.begin() + static_cast<ptrdiff_t>(named), "; "),
                more);
  }

 private:
  static std::string shown(std::string_view value) {
    return value.empty() ? std::string("empty") : shortened(value);
  }
  std::vector<std::string> texts_;
};

}  // namespace

Result<StartModel> StartModel::load(const std::shared_ptr<tracking::Workspace>& workspace,
                                    const std::string& reference) {
  tracking::ModelRegistry registry(workspace);
  const auto version = registry.resolve(reference);
  if (!version) {
    return fail(StatusCode::kConfig, "model.init: {}", version.error().message);
  }
  StartModel start;
  start.version_ = *version;
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
  if (is_refitted(*start.predictor_)) {
    return fail(StatusCode::kConfig,
                "model.init: {} was fitted on all rows at the end, so none are left to score it on "
                "(validation.refit: false in the run that makes it)",
                start.name_);
  }
  const Model* model = &start.predictor_->model();
  if (const auto* calibrated = dynamic_cast<const CalibratedModel*>(model)) {
    model = calibrated->model().get();
  }
  if (const auto* average = dynamic_cast<const AverageModel*>(model)) {
    start.models_ = average->members();
  } else {
    start.models_.push_back(std::shared_ptr<const Model>(start.predictor_, model));
  }
  const bool boosted = std::all_of(start.models_.begin(), start.models_.end(),
                                   [](const auto& member) { return is_boosted(*member); });
  if (!boosted) {
    return fail(StatusCode::kConfig,
                "model.init: {} is no model of gbt (only boosted trees can be gone on with)",
                start.name_);
  }
  ASSAY_RETURN_IF_ERROR(start.load_run(*workspace));
  return start;
}

Status StartModel::load_run(tracking::Workspace& workspace) {
  constexpr std::string_view kWhy =
      "a run goes on only from a model whose table, folds and constraints are known";
  if (version_.run_id.empty()) {
    return fail(StatusCode::kConfig, "model.init: {} was registered without a run ({})", name_,
                kWhy);
  }
  auto run = tracking::load_run(workspace, version_.run_id);
  if (!run) {
    return fail(StatusCode::kConfig,
                "model.init: the run that made {} is not to be read here any more: {} ({})", name_,
                run.error().message, kWhy);
  }
  if (run->datasets.empty()) {
    return fail(StatusCode::kConfig, "model.init: run {}, which made {}, names no table ({})",
                version_.run_id, name_, kWhy);
  }
  params_ = std::move(run->params);
  dataset_ = std::move(run->datasets.front());
  return {};
}

Status StartModel::check_run(const ExperimentConfig& config, const datasets::Target& target,
                             const tracking::DatasetUse& dataset) const {
  ASSAY_ASSIGN_OR_RETURN(const MetricChoice choice, choose_metric(config, target.task));
  Differences differences;
  differences.compare("data.train", table_text(dataset_), table_text(dataset));
  differences.compare("data.target", predictor_->target(), target.name);
  differences.compare("data.task", name_of(predictor_->task()), name_of(target.task));
  differences.compare("classes", fmt::format("{}", fmt::join(predictor_->labels(), ", ")),
                      fmt::format("{}", fmt::join(target.labels, ", ")));
  differences.compare("data.metric", version_.metric, choice.metric.name());
  const std::map<std::string, tracking::Value> params = config_params(config);
  for (const char* key : kCompared) {
    differences.compare(key, recorded(params_, key), recorded(params, key));
  }
  // Folds are the same whoever chose them; rows held out by auto may be fewer than those of
  // holdout.
  const std::string method = recorded(params_, "validation.method");
  const bool open = method == "auto" || config.validation.method == "auto";
  if (is_holdout() || !open) {
    differences.compare("validation.method", method, config.validation.method);
  }
  ASSAY_RETURN_IF_ERROR(differences.status(name_));
  return check_learners(config, target.task, choice.metric.aim());
}

Status StartModel::check_learners(const ExperimentConfig& config, Task task, const Aim& aim) const {
  for (const Learner* learner : learner_list()) {
    const auto choice = std::find_if(config.learners.begin(), config.learners.end(),
                                     [&](const auto& at) { return at.name == learner->name(); });
    const bool chosen = choice != config.learners.end();
    if (!learner->goes_on() || (!chosen && !config.learners.empty())) continue;
    std::span<const ParamOverride> overrides;
    if (chosen) overrides = choice->params;
    const auto space = SearchSpace::make(learner->options().options, overrides);
    if (!space) continue;  // said where the search is made
    const Status fits = learner->check_start(fitted(*models_.front()), task, aim, space->fixed());
    if (!fits) {
      return fail(fits.error().code, "model.init: {}: learners.{}.{}", name_, learner->name(),
                  fits.error().message);
    }
  }
  return {};
}

Status StartModel::check_folds(const TrainingSet& set) const {
  const auto note = predictor_->notes().find("validation");
  const auto* method =
      note == predictor_->notes().end() ? nullptr : std::get_if<std::string>(&note->second);
  Differences differences;
  differences.compare("validation", method == nullptr ? kUnknown : *method,
                      set.validation_method());
  // Those of the first partition are gone on with.
  const size_t partitions = std::max<size_t>(1, models_.size() / set.folds().size());
  differences.compare("folds", fmt::format("{}", models_.size() / partitions),
                      fmt::format("{}", set.folds().size()));
  for (size_t fold = 0; fold < models_.size() && fold < set.folds().size(); ++fold) {
    const auto* own = dynamic_cast<const LevelTargetModel*>(models_[fold].get());
    const LevelTargets* here = set.level_targets(fold);
    if (own == nullptr || (here != nullptr && own->targets() == *here)) continue;
    differences.compare("features.level_targets", fmt::format("of fold {}", fold + 1),
                        here == nullptr ? "none" : "of other rows");
  }
  return differences.status(name_);
}

std::shared_ptr<const FeatureEncoder> StartModel::encoder() const {
  return {predictor_, &predictor_->encoder()};
}

const Model* StartModel::model(size_t fold) const {
  return &fitted(*models_[models_.size() == 1 ? 0 : fold]);
}

int64_t StartModel::byte_count() const {
  int64_t most = 0;
  for (const auto& member : models_) most = std::max(most, member->byte_count());
  return most;
}

}  // namespace assay::automl
