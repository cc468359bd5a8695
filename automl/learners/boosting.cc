#include "automl/learners/boosting.h"

#include <algorithm>
#include <utility>

#include "automl/learners/warm_start.h"
#include "automl/models/device_forest.h"
#include "automl/models/tree_model.h"

namespace assay::automl {
namespace {

using kernels::Device;
using kernels::GrowTrees;
using kernels::PredictTrees;

}  // namespace

Result<std::unique_ptr<Booster>> Booster::make(const FitRequest& request,
                                               const kernels::ComputeContext& context) {
  Parts parts;
  ASSAY_ASSIGN_OR_RETURN(parts.options, options_from<GbtOptions>(request.params));
  ASSAY_RETURN_IF_ERROR(parts.options.check());
  ASSAY_ASSIGN_OR_RETURN(parts.data, prepare_fit(request, fit_aim(*request.data, parts.options)));
  ASSAY_ASSIGN_OR_RETURN(parts.objective, make_objective(request, parts.options, parts.data));
  ASSAY_RETURN_IF_ERROR(adopt_start(request, parts.options, parts.data, parts.objective));
  ASSAY_RETURN_IF_ERROR(check_sampling(parts.options, parts.objective.loss));
  std::unique_ptr<Booster> booster(new Booster(request, std::move(parts), context));
  ASSAY_RETURN_IF_ERROR(booster->setup());
  return booster;
}

Booster::Booster(const FitRequest& request, Parts parts, const kernels::ComputeContext& context)
    : request_(request),
      options_(std::move(parts.options)),
      data_(std::move(parts.data)),
      objective_(std::move(parts.objective)),
      context_(context),
      outputs_(static_cast<int32_t>(objective_.base_scores.size())),
      row_count_(request.data->features->row_count()),
      feature_count_(request.data->features->feature_count()),
      validates_(!request.valid_rows.empty()),
      samples_(options_.row_fraction < 1 || options_.sampling == "goss"),
      host_trees_(grower().info().shares_host_memory),
      together_(&context_.device_of<GrowTrees>() == &grower()),
      forest_(1, outputs_),
      round_(1, outputs_),
      choice_(request.train_rows, request.valid_rows) {}

Status Booster::setup_features() {
  const TrainingData& data = *request_.data;
  Device& predictor = context_.device_of<PredictTrees>();
  monotone_.assign(data.monotone.begin(), data.monotone.end());
  interactions_.assign(data.interactions.begin(), data.interactions.end());
  if (options_.categorical != "ordered") {
    ASSAY_ASSIGN_OR_RETURN(grow_bins_, data.features->growth_bins(grower(), context_));
    ASSAY_ASSIGN_OR_RETURN(predict_bins_, data.features->bins(predictor, context_));
    return {};
  }
  const OrderedOptions ordered{static_cast<int32_t>(options_.onehot_levels),
                               options_.category_smooth};
  ASSAY_ASSIGN_OR_RETURN(ordered_, OrderedTargets::make(request_, data_, ordered, context_));
  ASSAY_ASSIGN_OR_RETURN(grow_bins_, ordered_->bins(grower(), context_));
  ASSAY_ASSIGN_OR_RETURN(predict_bins_, ordered_->bins(predictor, context_));
  for (const int32_t origin : ordered_->origins().subspan(static_cast<size_t>(feature_count_))) {
    if (!monotone_.empty()) monotone_.push_back(0);
    if (!interactions_.empty()) {
      interactions_.push_back(interactions_[static_cast<size_t>(origin)]);
    }
  }
  return {};
}

Status Booster::setup_start() {
  if (request_.init_model != nullptr) {
    ASSAY_ASSIGN_OR_RETURN(const TreeModel* start, start_model(request_, objective_));
    start_ = first_ = start->step_count();
    if (request_.state == nullptr) forest_ = start->parts().forest;
  }
  if (request_.state != nullptr) return setup_state();
  return add_forest(0, forest_.tree_count());
}

Status Booster::setup_state() {
  const FitState& state = *request_.state;
  const auto* trees = dynamic_cast<const TreeModel*>(state.model.get());
  const bool fits = trees != nullptr && !trees->parts().average &&
                    trees->parts().feature_count == grow_bins_.feature_count &&
                    trees->parts().forest.output_count() == outputs_ &&
                    trees->step_count() > start_ && state.best_iteration <= trees->step_count();
  if (!fits) return fail(StatusCode::kData, "gbt: the state to go on from is another fit's");
  forest_ = trees->parts().forest;
  first_ = trees->step_count();
  // Scores at the best round are on the way.
  ASSAY_RETURN_IF_ERROR(add_forest(0, state.best_iteration * outputs_));
  ASSAY_RETURN_IF_ERROR(keep_valid_scores());
  return add_forest(state.best_iteration * outputs_, forest_.tree_count());
}

Status Booster::add_forest(int64_t begin, int64_t end) {
  if (begin == end) return {};
  Device& at = context_.device_of<PredictTrees>();
  ASSAY_ASSIGN_OR_RETURN(const DeviceForest forest, DeviceForest::make(at, forest_));
  const kernels::PredictTreesProblem problem{row_count_, predict_bins_.feature_count, begin, end, 1,
                                             outputs_};
  kernels::PredictTreesArgs args{predict_bins_, forest.view()};
  ASSAY_ASSIGN_OR_RETURN(args.scores, scores_.update_at(at));
  return context_.run<PredictTrees>(problem, args);
}

Result<FitState> Booster::state_after(int64_t rounds) const {
  TreeModel::Parts parts;
  parts.forest = forest_;
  parts.forest.truncate(rounds * outputs_);
  parts.base_scores = objective_.base_scores;
  parts.link = objective_.link;
  parts.target = data_.target;
  parts.feature_count = grow_bins_.feature_count;
  ASSAY_ASSIGN_OR_RETURN(std::shared_ptr<const Model> model, TreeModel::make(std::move(parts)));
  return FitState{std::move(model), result_.best_iteration, best_};
}

Status Booster::setup() {
  const TrainingData& data = *request_.data;
  ASSAY_RETURN_IF_ERROR(setup_features());
  Device& home = *context_.device;
  const std::vector<double>& base = objective_.base_scores;
  ASSAY_ASSIGN_OR_RETURN(scores_, PlacedArray<double>::make(home, row_count_ * outputs_));
  const std::span<double> scores = scores_.host_overwrite();
  for (size_t i = 0; i < scores.size(); ++i) scores[i] = base[i % base.size()];
  if (!kernels::takes_classes(objective_.loss)) {
    ASSAY_ASSIGN_OR_RETURN(
        targets_, PlacedArray<double>::copy_of(home, std::span<const double>(data_.targets)));
  } else {
    ASSAY_ASSIGN_OR_RETURN(classes_, PlacedArray<int32_t>::copy_of(home, data.classes));
  }
  ASSAY_ASSIGN_OR_RETURN(weights_,
                         PlacedArray<float>::copy_of(home, std::span<const float>(data_.weights)));
  ASSAY_ASSIGN_OR_RETURN(gradients_, PlacedArray<float>::make(home, row_count_ * outputs_));
  ASSAY_ASSIGN_OR_RETURN(hessians_, PlacedArray<float>::make(home, row_count_ * outputs_));
  ASSAY_ASSIGN_OR_RETURN(valid_rows_, PlacedArray<uint32_t>::copy_of(home, request_.valid_rows));
  std::span<const uint32_t> train_rows = request_.train_rows;
  if (ranks()) {
    train_queries_ = QueryRows::of(data.queries, request_.train_rows);
    valid_queries_ = QueryRows::of(data.queries, request_.valid_rows);
    train_rows = train_queries_.rows;
  }
  if (from_all_rows()) {
    ASSAY_ASSIGN_OR_RETURN(train_rows_, PlacedArray<uint32_t>::copy_of(home, train_rows));
  }
  max_gradients_.resize(static_cast<size_t>(outputs_));
  max_hessians_.resize(static_cast<size_t>(outputs_));
  ASSAY_RETURN_IF_ERROR(setup_start());
  return setup_progress();
}

Status Booster::setup_progress() {
  if (request_.state != nullptr) {
    result_.iterations = first_;
    result_.best_iteration = request_.state->best_iteration;
    result_.valid_loss = best_ = request_.state->best_loss;
  } else if (start_ > 0) {
    result_.iterations = result_.best_iteration = start_;
    ASSAY_ASSIGN_OR_RETURN(best_, validate());
    result_.valid_loss = best_;
    ASSAY_RETURN_IF_ERROR(keep_valid_scores());
  }
  last_ = start_ + options_.rounds;
  validated_ = result_.iterations;
  done_ = result_.iterations >= last_ || waited();
  return {};
}

int64_t Booster::patience(int64_t best_round) const {
  if (options_.patience > 0) return options_.patience;
  const auto rows = static_cast<double>(request_.train_rows.size());
  const double least = std::max(20.0, 100.0 * std::min(1.0, 10000.0 / rows));
  return static_cast<int64_t>(std::max(least, 20 + 0.3 * static_cast<double>(best_round)));
}

bool Booster::waited() const {
  const int64_t wait = result_.iterations - result_.best_iteration;
  return validates_ && options_.early_stopping && wait >= patience(result_.best_iteration);
}

void Booster::heed(const Status& status) {
  if (status || done_) return;
  done_ = true;
  // A round that was made but not validated stands, but nothing says that it is the best: that of
  // before is kept if any.
  result_.truncated = status.error().code == StatusCode::kCancelled && result_.iterations > 0;
  if (!result_.truncated) failure_ = status;
}

void Booster::begin_round() {
  if (!done_) heed(prepare_round());
}

void Booster::grow() {
  if (!done_) heed(grow_alone());
}

void Booster::end_round() {
  if (!done_) heed(take_trees());
  if (!done_) heed(close_round());
}

void Booster::report() {
  if (done_) return;
  const FitProgress progress{result_.iterations, last_, loss_, objective_.common};
  if (!idle_ && request_.observer != nullptr && !request_.observer->report(progress)) {
    result_.stopped = done_ = true;
    return;
  }
  const bool ends = idle_ || result_.iterations == last_ || waited();
  heed(offer_state(ends));
  done_ |= ends;
}

Status Booster::offer_state(bool last) {
  FitObserver* const observer = request_.observer;
  if (observer == nullptr || !observer->wants_state(forest_.byte_count(), last)) return {};
  ASSAY_ASSIGN_OR_RETURN(FitState state, state_after(result_.iterations));
  observer->keep_state(std::move(state));
  return {};
}

void Booster::translate_forest() {
  kernels::Forest translated(forest_.leaf_width(), forest_.output_count());
  for (int64_t t = 0; t < forest_.tree_count(); ++t) {
    kernels::Tree tree = forest_.tree(t);
    ordered_->translate(tree);
    translated.append(tree);
  }
  forest_ = std::move(translated);
}

Result<FitResult> Booster::finish() {
  ASSAY_RETURN_IF_ERROR(failure_);
  if (result_.truncated && request_.keep_end_state && validated_ > start_) {
    ASSAY_ASSIGN_OR_RETURN(result_.state, state_after(validated_));
  }
  // A first round that could not be validated is better than nothing.
  result_.best_iteration = std::max<int64_t>(result_.best_iteration, 1);
  if (!request_.keep_all_steps) forest_.truncate(result_.best_iteration * outputs_);
  if (ordered_) translate_forest();
  TreeModel::Parts parts;
  parts.forest = std::move(forest_);
  parts.base_scores = objective_.base_scores;
  parts.link = objective_.link;
  parts.target = data_.target;
  parts.feature_count = feature_count_;
  if (!best_scores_.empty()) {
    const auto outputs = static_cast<size_t>(output_count_of(parts.link, outputs_));
    result_.valid_predictions.resize(request_.valid_rows.size() * outputs);
    ASSAY_RETURN_IF_ERROR(predictions_of(parts.meaning(request_.data->frame), best_scores_,
                                         result_.valid_predictions, *context_.executor));
  }
  ASSAY_ASSIGN_OR_RETURN(result_.model, TreeModel::make(std::move(parts)));
  return std::move(result_);
}

}  // namespace assay::automl
