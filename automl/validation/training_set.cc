#include "automl/validation/training_set.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <utility>

#include "automl/metrics/decision.h"
#include "automl/metrics/part_score.h"
#include "automl/metrics/target_rows.h"
#include "automl/validation/metric_choice.h"
#include "datasets/column_findings.h"
#include "datasets/column_types.h"
#include "datasets/number_look.h"
#include "kernels/base/names.h"
#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

// With features.level_targets: true.
constexpr int32_t kLevelsByTrue = 10;
// A fold's bins as they are made, as they lie on the device, as columns and as bundles.
constexpr int64_t kFoldBinForms = 4;
// Of a holdout of groups or times.
constexpr int kScoredBlocks = 10;

std::string target_note(const datasets::Target& target) {
  std::string note = fmt::format("target '{}': {}", target.name, name_of(target.task));
  if (!target.task_was_given) {
    note += fmt::format(" ({}; set data.task to override)", target.reason);
  }
  if (target.task == Task::kBinary) {
    note += fmt::format(", positive class '{}'", target.labels[1]);
  } else if (target.task == Task::kMulticlass) {
    note += fmt::format(", {} classes", target.class_count());
  }
  return note;
}

// Of those that have a target to all rows, and back.
template <class T>
std::vector<T> spread_out(const std::vector<T>& values, const datasets::Target& target,
                          size_t rows) {
  if (values.empty()) return {};
  std::vector<T> spread(rows);
  for (size_t i = 0; i < values.size(); ++i) spread[target.rows[i]] = values[i];
  return spread;
}
template <class T>
std::vector<T> of_targets(const std::vector<T>& values, const datasets::Target& target) {
  if (values.empty()) return {};
  std::vector<T> taken;
  taken.reserve(target.rows.size());
  for (const uint32_t row : target.rows) taken.push_back(values[row]);
  return taken;
}

// What many tables have, and nobody wonders at.
bool is_usual(std::string_view reason) {
  return reason == "constant" || reason == "all values are missing" ||
         reason.starts_with("identifiers");
}

LevelKeyOptions level_key_options(const datasets::Table& table, const ExperimentConfig& config,
                                  const datasets::Target& target) {
  LevelKeyOptions options;
  const int64_t parts = target.classifies() ? target.class_count() - 1 : 1;
  if (config.features.level_targets == "false" || parts > kMostLevelParts) return options;
  options.parts = static_cast<int32_t>(parts);
  if (config.features.level_targets == "true") options.more_levels_than = kLevelsByTrue;
  if (config.data.time_column.empty()) return options;
  // Rows that are validated on are of other days.
  options.except = {config.data.time_column};
  for (const datasets::Column& column : table.columns()) {
    if (column.type == datasets::ColumnType::kDatetime) options.except.push_back(column.name);
  }
  return options;
}

EncoderOptions encoder_options(const datasets::Table& table, const ExperimentConfig& config,
                               const datasets::Target& target) {
  EncoderOptions options;
  options.seed = derive_seed(static_cast<uint64_t>(config.run.seed), "encoder");
  options.exclude = {config.data.target};
  for (const std::string& name : {config.data.weight, config.data.group}) {
    if (!name.empty()) options.exclude.push_back(name);
  }
  // The reader has left dropped columns out already; a table that was given may still have them.
  for (const std::string& name : config.data.drop) {
    if (table.find(name) >= 0) options.exclude.push_back(name);
  }
  const FeatureOptions& features = config.features;
  options.calendar = features.calendar;
  options.text = features.text;
  options.texts.words = static_cast<int32_t>(features.text_words);
  if (features.text_characters != "auto") {
    options.texts.chars = features.text_characters == "true";
  }
  options.texts.topics = static_cast<int32_t>(features.text_topics);
  if (features.level_counts != "auto") options.level_counts = features.level_counts == "true";
  // Counts of all rows tell earlier rows of later ones.
  if (features.level_counts == "auto" && !config.data.time_column.empty()) {
    options.level_counts = false;
  }
  options.level_keys = level_key_options(table, config, target);
  options.drop_duplicates = features.drop_duplicates;
  options.drop_row_numbers = features.drop_row_numbers;
  // What the config speaks of stays.
  options.keep = {config.data.time_column};
  for (const auto& [name, direction] : config.data.monotone) options.keep.push_back(name);
  for (const auto& [name, group] : config.data.interactions) options.keep.push_back(name);
  for (const auto& [name, type] : config.data.column_types) {
    if (type == "numeric") options.keep_ids.push_back(name);
  }
  return options;
}

}  // namespace

Result<std::unique_ptr<TrainingSet>> TrainingSet::make(
    const std::shared_ptr<const datasets::Table>& table, const ExperimentConfig& config,
    const kernels::ComputeContext& context, SetInputs inputs) {
  if (!inputs.roles) {
    ASSAY_ASSIGN_OR_RETURN(inputs.roles, read_column_roles(*table, config));
  }
  ASSAY_ASSIGN_OR_RETURN(MetricChoice choice, choose_metric(config, inputs.roles->target.task));
  std::unique_ptr<TrainingSet> set(new TrainingSet(choice.metric));
  set->table_ = table;
  set->row_count_ = table->row_count();
  set->take(std::move(*inputs.roles));
  std::move(choice.notes.begin(), choice.notes.end(), std::back_inserter(set->notes_));
  set->encoder_ = std::move(inputs.encoder);
  EncoderOptions options = encoder_options(*table, config, set->target_);
  options.text_bytes = inputs.text_bytes;
  options.derived_bytes = inputs.derived_bytes;
  ASSAY_RETURN_IF_ERROR(set->encode(config, options, context));
  set->options_ = std::move(options);
  ASSAY_ASSIGN_OR_RETURN(const std::vector<double> class_weights,
                         read_class_weights(set->target_, config.run.class_weight));
  if (!class_weights.empty()) set->weigh_classes(class_weights);
  if (config.run.class_weight == "balanced") set->balance_classes();
  set->data_.task = set->target_.task;
  set->data_.class_count = static_cast<int32_t>(set->target_.class_count());
  set->data_.features = set->features_.get();
  set->data_.targets = set->values_;
  set->data_.classes = set->classes_;
  set->data_.weights = set->train_weights_;
  set->data_.monotone = set->constraints_.monotone;
  set->data_.interactions = set->constraints_.interactions;
  set->data_.queries = set->groups_;
  set->data_.aim = set->metric_.aim();
  set->data_.frame = frame_of(set->target_.values);
  set->metric_ = set->metric_.in(set->data_.frame);
  return set;
}

void TrainingSet::take(ColumnRoles roles) {
  target_ = std::move(roles.target);
  row_weights_ = std::move(roles.weights);
  train_weights_ = row_weights_;
  const auto rows = static_cast<size_t>(table_->row_count());
  groups_ = spread_out(roles.groups, target_, rows);
  times_ = spread_out(roles.times, target_, rows);
  notes_.push_back(target_note(target_));
  if (target_.missing_count > 0) {
    notes_.push_back(fmt::format("{} rows without a target are left out", target_.missing_count));
  }
  if (target_.classifies()) {
    classes_.assign(rows, 0);
    for (size_t i = 0; i < target_.rows.size(); ++i) classes_[target_.rows[i]] = target_.codes[i];
  } else {
    values_.assign(rows, 0);
    for (size_t i = 0; i < target_.rows.size(); ++i) values_[target_.rows[i]] = target_.values[i];
  }
}

Status TrainingSet::fit_encoder(const EncoderOptions& options,
                                const kernels::ComputeContext& context) {
  EncodedTable::Source source;
  auto encoder = FeatureEncoder::fit(table_, options, context, &source);
  if (!encoder) {
    // If nothing can be used, what the columns look like may say why.
    Error error = std::move(encoder.error());
    for (const std::string& look : looks(options.exclude)) {
      if (error.code == StatusCode::kData) error.message += "; " + look;
    }
    return tl::unexpected<Error>(std::move(error));
  }
  encoder_ = std::make_shared<const FeatureEncoder>(std::move(*encoder));
  features_ = encoder_->encode(std::move(source));
  return {};
}

Status TrainingSet::encode(const ExperimentConfig& config, const EncoderOptions& options,
                           const kernels::ComputeContext& context) {
  if (encoder_ == nullptr) {
    ASSAY_RETURN_IF_ERROR(fit_encoder(options, context));
  } else {
    ASSAY_ASSIGN_OR_RETURN(features_, encoder_->encode(table_, &context));
  }
  std::map<std::string, std::vector<std::string>> dropped;  // by reason
  for (const DroppedColumn& column : encoder_->dropped()) {
    dropped[column.reason].push_back("'" + column.name + "'");
  }
  for (const auto& [reason, columns] : dropped) {
    constexpr size_t kMostListed = 5;
    const size_t listed = std::min(columns.size(), kMostListed);
    notes_.push_back(fmt::format(
        "{}column{} {}{} {} not used: {}",
        is_usual(reason) ? "" : "warning: ", columns.size() == 1 ? "" : "s",
        fmt::join(columns.begin(), columns.begin() + static_cast<ptrdiff_t>(listed), ", "),
        columns.size() > listed ? fmt::format(" and {} more", columns.size() - listed)
                                : std::string(),
        columns.size() == 1 ? "is" : "are", reason));
  }
  for (std::string& look : looks(options.exclude)) notes_.push_back(std::move(look));
  ASSAY_ASSIGN_OR_RETURN(constraints_, read_constraints(config.data, *encoder_, options.exclude));
  notes_.insert(notes_.end(), constraints_.notes.begin(), constraints_.notes.end());
  return note_findings(options, context);
}

Status TrainingSet::note_findings(const EncoderOptions& options,
                                  const kernels::ComputeContext& context) {
  std::vector<size_t> used;
  for (const InputColumn& column : encoder_->columns()) {
    const int64_t at = table_->find(column.name);
    if (at >= 0) used.push_back(static_cast<size_t>(at));
  }
  for (const size_t c : used) {
    const datasets::Column& column = table_->columns()[c];
    const bool kept = std::ranges::count(options.keep, column.name) > 0 ||
                      std::ranges::count(options.keep_ids, column.name) > 0;
    if (kept || !datasets::numbers_rows(column)) continue;
    notes_.push_back(fmt::format(
        "column '{}' numbers the rows: if it is an id, data.drop (--drop) leaves it out",
        shortened(column.name)));
  }
  ASSAY_ASSIGN_OR_RETURN(
      const std::vector<datasets::AnsweringColumn> answers,
      datasets::find_answers(*table_, target_, used, *context.executor, context.stop));
  for (const datasets::AnsweringColumn& answer : answers) {
    notes_.push_back(fmt::format("warning: {} data.drop (--drop) leaves it out",
                                 datasets::answer_text(*table_, target_, answer)));
  }
  return {};
}

// A line for each column that is not `left_out` and holds numbers or dates that could not be read.
std::vector<std::string> TrainingSet::looks(const std::vector<std::string>& left_out) const {
  std::vector<std::string> lines;
  for (const datasets::Column& column : table_->columns()) {
    const bool used = std::find(left_out.begin(), left_out.end(), column.name) == left_out.end();
    if (!used) continue;
    if (std::string hint = datasets::reading_hint(column); !hint.empty()) {
      lines.push_back(std::move(hint));
    }
  }
  return lines;
}

// Each class gets the same total weight: rows / (classes * rows of the class), by weight if rows
// have weights.
void TrainingSet::balance_classes() {
  if (!target_.classifies()) {
    notes_.push_back("class_weight: balanced has no meaning for regression and is ignored");
    return;
  }
  std::vector<double> totals(static_cast<size_t>(target_.class_count()), 0);
  double sum = 0;
  for (size_t i = 0; i < target_.rows.size(); ++i) {
    const double weight =
        train_weights_.empty() ? 1.0 : static_cast<double>(train_weights_[target_.rows[i]]);
    totals[static_cast<size_t>(target_.codes[i])] += weight;
    sum += weight;
  }
  const auto classes = static_cast<double>(totals.size());
  std::vector<double> factors;
  for (const double total : totals) factors.push_back(total > 0 ? sum / (classes * total) : 1.0);
  weigh_classes(factors);
}

void TrainingSet::weigh_classes(std::span<const double> factors) {
  if (train_weights_.empty()) {
    train_weights_.assign(static_cast<size_t>(table_->row_count()), 0.0f);
    for (const uint32_t row : target_.rows) train_weights_[row] = 1.0f;
  }
  constexpr double kMost = std::numeric_limits<float>::max();
  for (size_t i = 0; i < target_.rows.size(); ++i) {
    float& weight = train_weights_[target_.rows[i]];
    const double factor = factors[static_cast<size_t>(target_.codes[i])];
    weight = static_cast<float>(std::min(static_cast<double>(weight) * factor, kMost));
  }
}

Status TrainingSet::plan(const ExperimentConfig& config, double fit_seconds,
                         std::optional<double> seconds_left, std::optional<bool> holdout) {
  ValidationRequest request;
  request.target = &target_;
  const std::vector<int32_t> groups = of_targets(groups_, target_);
  const std::vector<double> times = of_targets(times_, target_);
  request.groups = groups;
  request.times = times;
  request.options = config.validation;
  request.seed = derive_seed(static_cast<uint64_t>(config.run.seed), "validation");
  level_seed_ = static_cast<uint64_t>(config.run.seed);
  request.feature_count = encoder_->feature_count();
  request.fit_seconds = fit_seconds;
  request.seconds_left = seconds_left;
  request.holdout = holdout;
  auto planned = plan_validation(request);
  if (!planned && planned.error().code == StatusCode::kData) {
    const DataOptions& data = config.data;
    if (!groups_.empty()) {
      return fail_with(planned.error(), fmt::format("data.group: column '{}'", data.group));
    }
    if (!times_.empty()) {
      return fail_with(planned.error(),
                       fmt::format("data.time_column: column '{}'", data.time_column));
    }
  }
  if (!planned) return tl::unexpected<Error>(std::move(planned.error()));
  ValidationPlan& plan = *planned;
  validation_method_ = std::move(plan.method);
  validation_reason_ = std::move(plan.reason);
  fold_count_ = plan.fold_count;
  for (size_t f = 0; f < plan.folds.size(); ++f) {
    Fold& fold = folds_.emplace_back();
    for (const uint32_t at : plan.folds[f].train) fold.train_rows.push_back(target_.rows[at]);
    for (const uint32_t at : plan.folds[f].valid) fold.valid_rows.push_back(target_.rows[at]);
    fold.places = std::move(plan.places[f]);
  }
  for (const uint32_t at : plan.rows) {
    const uint32_t row = target_.rows[at];
    scored_rows_.push_back(row);
    if (target_.classifies()) {
      scored_classes_.push_back(target_.codes[at]);
    } else {
      scored_values_.push_back(target_.values[at]);
    }
    if (!row_weights_.empty()) scored_weights_.push_back(row_weights_[row]);
    if (metric_.wants_queries()) scored_queries_.push_back(groups_[row]);
  }
  if (is_holdout()) {
    scored_blocks_ = kin().blocks(scored_rows_, kScoredBlocks, derive_seed(request.seed, "blocks"));
  } else {
    scored_parts_.resize(partition_count());
  }
  for (size_t f = 0; f < folds_.size() && !is_holdout(); ++f) {
    std::vector<int32_t>& parts = scored_parts_[f / fold_count_];
    parts.resize(scored_rows_.size());
    for (const uint32_t place : folds_[f].places) {
      parts[place] = static_cast<int32_t>(f % fold_count_);
    }
  }
  notes_.push_back(fmt::format("validation: {} ({}){}", validation_method_, validation_reason_,
                               metric_.ranks() && !is_holdout()
                                   ? fmt::format("; {} is the mean over the folds", metric_.name())
                                   : std::string()));
  if (partition_count() > 1) {
    notes_.push_back(
        fmt::format("validation: settings that are among the best are fitted on {} partitions "
                    "into folds, and scored by their mean",
                    partition_count()));
  }
  return {};
}

int64_t TrainingSet::level_bytes() const {
  if (!has_level_places()) return 0;
  const auto features = encoder_->features();
  const auto places = std::count_if(features.begin(), features.end(), [](const Feature& feature) {
    return feature.output < kOwnNumber;
  });
  const int64_t each = kFoldBinForms * encoder_->feature_count() + places;
  return static_cast<int64_t>(folds_.size()) * row_count_ * each;
}

Result<FittedLevelTargets> TrainingSet::fit_levels(std::span<const uint32_t> rows, size_t number,
                                                   const kernels::ComputeContext& context) const {
  const std::vector<LevelKeyRule>& keys = encoder_->level_keys();
  std::vector<LevelTargetPlace> places;
  for (size_t k = 0; k < keys.size(); ++k) {
    for (int32_t f = 0; f < encoder_->feature_count(); ++f) {
      const Feature& feature = encoder_->features()[static_cast<size_t>(f)];
      if (feature.column != keys[k].column || feature.output >= kOwnNumber) continue;
      places.push_back({f, static_cast<int32_t>(k), kFirstTargetOutput - feature.output});
    }
  }
  LevelTargetRequest request;
  request.features = features_.get();
  request.places = places;
  request.targets = values_;
  request.classes = classes_;
  request.weights = row_weights_;
  request.groups = groups_;
  request.train_rows = rows;
  request.seed = derive_seed(level_seed_, "level targets", number);
  return fit_level_targets(request, context);
}

Status TrainingSet::make_level_targets(const kernels::ComputeContext& context) {
  std::vector<std::string> names;
  for (const LevelKeyRule& key : encoder_->level_keys()) {
    names.push_back("'" + encoder_->columns()[static_cast<size_t>(key.column)].name + "'");
  }
  std::vector<FoldLevels> levels;
  for (const Fold& fold : folds_) {
    ASSAY_ASSIGN_OR_RETURN(FittedLevelTargets fitted,
                           fit_levels(fold.train_rows, levels.size(), context));
    FoldLevels& made = levels.emplace_back();
    made.targets = fitted.targets;
    made.features = std::make_unique<LevelTargetView>(*features_, std::move(fitted.targets),
                                                      std::move(fitted.row_bins));
    made.data = data_;
    made.data.features = made.features.get();
  }
  levels_ = std::move(levels);
  notes_.push_back(fmt::format("trees see the mean target of the levels or days of {}",
                               fmt::join(names.begin(), names.end(), ", ")));
  return {};
}

Result<std::unique_ptr<TrainingSet::AllRows>> TrainingSet::all_rows(
    const kernels::ComputeContext& context) const {
  auto all = std::make_unique<AllRows>();
  all->rows = target_.rows;
  all->data = data_;
  if (levels_.empty()) return all;
  ASSAY_ASSIGN_OR_RETURN(FittedLevelTargets fitted, fit_levels(all->rows, levels_.size(), context));
  all->targets = fitted.targets;
  all->features = std::make_unique<LevelTargetView>(*features_, std::move(fitted.targets),
                                                    std::move(fitted.row_bins));
  all->data.features = all->features.get();
  return all;
}

const LevelTargets* TrainingSet::level_targets(size_t fold) const {
  return levels_.empty() ? nullptr : levels_[fold].targets.get();
}

Result<std::shared_ptr<const Model>> TrainingSet::for_all_rows(
    size_t fold, std::shared_ptr<const Model> model) const {
  if (levels_.empty()) return model;
  return LevelTargetModel::wrap(std::move(model), levels_[fold].targets);
}

Result<double> TrainingSet::score(std::span<const float> predictions, size_t partition) const {
  return score_parts(
      metric_, {predictions.data(), static_cast<int64_t>(scored_rows_.size()), output_count()},
      scored_targets(), scored_weights_, parts_of(partition));
}

Result<double> TrainingSet::score_at(std::span<const uint32_t> places,
                                     std::span<const float> predictions, size_t partition) const {
  const std::span<const int32_t> all_parts = parts_of(partition);
  TargetRows truth;
  std::vector<int32_t> parts;
  for (const uint32_t place : places) {
    truth.add(scored_targets(), scored_weights_, place);
    if (!all_parts.empty()) parts.push_back(all_parts[place]);
  }
  return score_parts(metric_,
                     {predictions.data(), static_cast<int64_t>(places.size()), output_count()},
                     truth.view(), truth.weights, parts);
}

Result<double> TrainingSet::threshold_at(std::span<const uint32_t> places,
                                         std::span<const float> predictions) const {
  const PredictionView all{predictions.data(), static_cast<int64_t>(scored_rows_.size()), 2};
  if (places.empty()) return best_threshold(metric_, all, scored_targets(), scored_weights_);
  std::vector<float> some;
  TargetRows truth;
  for (const uint32_t place : places) {
    some.insert(some.end(), all.data + 2 * size_t{place}, all.data + 2 * size_t{place} + 2);
    truth.add(scored_targets(), scored_weights_, place);
  }
  const PredictionView view{some.data(), static_cast<int64_t>(places.size()), 2};
  return best_threshold(metric_, view, truth.view(), truth.weights);
}

int32_t TrainingSet::output_count() const {
  return target_.classifies() ? static_cast<int32_t>(target_.class_count()) : 1;
}

DataShape TrainingSet::shape() const {
  DataShape shape;
  shape.task = target_.task;
  shape.class_count = static_cast<int32_t>(target_.class_count());
  shape.row_count = row_count_;
  shape.train_count = static_cast<int64_t>(target_.rows.size());
  shape.feature_count = encoder_->feature_count();
  shape.bin_count = encoder_->bin_count();
  for (const Feature& feature : encoder_->features()) {
    if (feature.output < kOwnNumber) shape.bin_count += kernels::kMaxBins;
  }
  shape.dense_column_count = encoder_->dense_column_count();
  shape.aim = data_.aim;
  shape.category_count = encoder_->category_count();
  if (folds_.empty()) return shape;
  const auto largest = std::max_element(
      folds_.begin(), folds_.end(),
      [](const Fold& a, const Fold& b) { return a.train_rows.size() < b.train_rows.size(); });
  shape.train_count = static_cast<int64_t>(largest->train_rows.size());
  shape.valid_count = static_cast<int64_t>(largest->valid_rows.size());
  return shape;
}

int64_t TrainingSet::byte_count() const {
  // Targets stand in the order of the table's rows and in that of those that have one, folds hold
  // numbers of rows and places.
  const auto targets = static_cast<int64_t>(
      (2 * values_.size() + times_.size()) * sizeof(double) +
      (2 * classes_.size() + groups_.size() + scored_blocks_.size() + scored_queries_.size()) *
          sizeof(int32_t) +
      (train_weights_.size() + row_weights_.size()) * sizeof(float) +
      target_.rows.size() * sizeof(uint32_t));
  int64_t folds = 0;
  for (const Fold& fold : folds_) {
    folds += static_cast<int64_t>((fold.train_rows.size() + 5 * fold.valid_rows.size()) *
                                  sizeof(uint32_t));
  }
  const int64_t table = table_ == nullptr ? 0 : table_->byte_count();
  return table + encoder_->binned_bytes(row_count_) + targets + folds +
         (levels_.empty() ? 0 : level_bytes());
}

Status TrainingSet::release_table(bool dense, const kernels::ComputeContext& context,
                                  std::span<kernels::Device* const> devices) {
  for (kernels::Device* device : {context.device, context.host}) {
    ASSAY_RETURN_IF_ERROR(features_->bins(*device, context));
  }
  for (kernels::Device* device : devices) (void)features_->bins(*device, context);
  if (dense) ASSAY_RETURN_IF_ERROR(features_->dense(context));
  features_->release();
  table_.reset();
  return {};
}

}  // namespace assay::automl
