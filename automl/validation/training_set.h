// TrainingSet: everything about the data that trials share: target, weights, encoded features,
// validation plan and metric, checked once and then read-only. Rows are rows of the table.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "automl/config/experiment_config.h"
#include "automl/learners/learner.h"
#include "automl/metrics/metric.h"
#include "automl/preprocess/encoded_table.h"
#include "automl/preprocess/feature_encoder.h"
#include "automl/preprocess/level_target_fit.h"
#include "automl/validation/column_roles.h"
#include "automl/validation/constraints.h"
#include "automl/validation/row_kin.h"
#include "automl/validation/validation_plan.h"
#include "datasets/table.h"
#include "datasets/target.h"
#include "kernels/base/status.h"

namespace assay::automl {

// One fold, as learners take it.
struct Fold {
  std::vector<uint32_t> train_rows;  // rows of the table, ascending
  std::vector<uint32_t> valid_rows;
  std::vector<uint32_t> places;  // valid_rows[i] is row places[i] of out-of-fold predictions
};

// What a training set is made with beside table and config.
struct SetInputs {
  std::optional<ColumnRoles> roles;  // those of read_column_roles(), if they are there already
  std::shared_ptr<const FeatureEncoder> encoder;  // features are encoded by it; null: one is fitted
  // As in EncoderOptions.
  int64_t text_bytes = std::numeric_limits<int64_t>::max();
  int64_t derived_bytes = std::numeric_limits<int64_t>::max();
};

// What screening for combinations of columns may take (feature_screen.h).
struct ScreenPlan {
  const Learner* learner = nullptr;  // boosted trees
  int64_t rows = 0;                  // fewer than kLeastScreenRows: there is no screening
  int64_t bytes = 0;                 // memory, of screening and of what is made
};

// Immutable, shared by all trials; thread-safe. Owns its memory.
class TrainingSet {
 public:
  // Reads the roles of columns from `config`: target (with task and positive class), weight, group,
  // time, and what is left as features; fits the encoder. Validation is planned afterwards.
  // Fails: as read_column_roles; data or config, naming the column: no usable feature, a metric
  // that does not fit the task; cancelled. With an encoder given: data if the table breaks its
  // contract.
  static Result<std::unique_ptr<TrainingSet>> make(
      const std::shared_ptr<const datasets::Table>& table, const ExperimentConfig& config,
      const kernels::ComputeContext& context, SetInputs inputs = {});
  TrainingSet(const TrainingSet&) = delete;
  TrainingSet& operator=(const TrainingSet&) = delete;

  // Plans the folds; call once, before trials. `fit_seconds` and `seconds_left` as in
  // ValidationRequest, `holdout` too.
  Status plan(const ExperimentConfig& config, double fit_seconds,
              std::optional<double> seconds_left, std::optional<bool> holdout = {});

  // Features that two columns make together, where screening finds some that help: once, after
  // plan() and before level targets and trials. Whether the config wants any; and making them: they
  // are the last ones of the encoder's. Screening runs with a context of its own.
  // Fails: as screen_features, which changes nothing; as FeatureEncoder::with_combinations.
  static bool wants_combinations(const ExperimentConfig& config);
  Status make_combinations(const ExperimentConfig& config, const ScreenPlan& plan,
                           const kernels::ComputeContext& screening,
                           const kernels::ComputeContext& context);

  // Level targets (models/level_targets.h) of each fold's training rows. Whether there are places
  // for them, the memory that they take, and making them: once, after plan() and before trials;
  // without it the places stay empty. Fails: as fit_level_targets.
  bool has_level_places() const { return !encoder_->level_keys().empty(); }
  int64_t level_bytes() const;
  Status make_level_targets(const kernels::ComputeContext& context);
  // Those of a fold; null: none were made.
  const LevelTargets* level_targets(size_t fold) const;
  // What a fit on all rows that have a target reads; data() where there are no level targets.
  struct AllRows {
    std::vector<uint32_t> rows{};  // ascending
    std::shared_ptr<const LevelTargets> targets{};
    std::unique_ptr<LevelTargetView> features{};
    TrainingData data{};
  };
  // Level targets are made if those of folds were, and take level_bytes() of a single fold.
  // Fails: as fit_level_targets.
  Result<std::unique_ptr<AllRows>> all_rows(const kernels::ComputeContext& context) const;
  // A model that was fitted on data(fold), for the data that all folds share. Fails: as
  // LevelTargetModel::wrap.
  Result<std::shared_ptr<const Model>> for_all_rows(size_t fold,
                                                    std::shared_ptr<const Model> model) const;

  Task task() const { return target_.task; }
  const datasets::Target& target() const { return target_; }
  // Classification: the labels in the order of probabilities; the positive class of a binary task
  // is the second.
  const std::vector<std::string>& labels() const { return target_.labels; }
  // Scores predictions that are numbers of data().frame.
  const Metric& metric() const { return metric_; }
  int32_t output_count() const;
  // What all folds share, and what fits on a fold's training rows read.
  const TrainingData& data() const { return data_; }
  const TrainingData& data(size_t fold) const {
    return levels_.empty() ? data_ : levels_[fold].data;
  }
  const std::shared_ptr<const FeatureEncoder>& encoder() const { return encoder_; }
  // Null after release_table().
  const std::shared_ptr<const datasets::Table>& table() const { return table_; }
  // Makes the bins, and the dense form if `dense`, and lets the table's columns go: fits need no
  // more than these. Others who hold the table keep its memory. Call before trials. `devices`:
  // where else trials will run; one that has no room for the bins fails what asks for them there.
  // Fails: as FeatureView::bins and dense.
  Status release_table(bool dense, const kernels::ComputeContext& context,
                       std::span<kernels::Device* const> devices);

  const std::string& validation_method() const { return validation_method_; }
  const std::string& validation_reason() const { return validation_reason_; }
  std::span<const Fold> folds() const { return std::span(folds_).first(fold_count_); }
  bool is_holdout() const { return fold_count_ == 1; }
  // The folds of all partitions of the rows, one partition after the other; folds() are those of
  // the first. What is said of a fold by its number counts through all of them.
  std::span<const Fold> all_folds() const { return folds_; }
  size_t partition_count() const { return folds_.size() / fold_count_; }
  // Rows of out-of-fold predictions, and the truth and weights there. Class weights do not count in
  // scores; a weight column does.
  std::span<const uint32_t> scored_rows() const { return scored_rows_; }
  TargetView scored_targets() const { return {scored_classes_, scored_values_, scored_queries_}; }
  std::span<const float> scored_weights() const { return scored_weights_; }
  // The part of each scored row, for score_parts: its fold in the first partition. Of a holdout
  // the blocks, if the metric decides, or empty.
  std::span<const int32_t> scored_parts() const { return parts_of(0); }
  // Of a holdout of groups or times: the block of each scored row (RowKin::blocks); else empty.
  std::span<const int32_t> scored_blocks() const { return scored_blocks_; }
  // Of the rows of the table.
  RowKin kin() const { return {groups_, times_}; }
  // Whether folds and blocks are numbered in time.
  bool in_time() const { return kin().in_time(); }
  // The metric over all scored rows; `predictions` [scored rows, outputs], numbers of data().frame.
  // With folds a metric that ranks rows is the mean over the folds of `partition`, and one that
  // decides takes thresholds from the rows of its other folds, or blocks (metrics/part_score.h).
  Result<double> score(std::span<const float> predictions, size_t partition = 0) const;
  // The metric over the scored rows at `places`, ascending; `predictions` [places, outputs].
  Result<double> score_at(std::span<const uint32_t> places, std::span<const float> predictions,
                          size_t partition = 0) const;

  // The threshold that serves the metric best on the scored rows at `places`, ascending, of all
  // `predictions` [scored rows, 2]; no places: on all. Fails: as best_threshold.
  Result<double> threshold_at(std::span<const uint32_t> places,
                              std::span<const float> predictions) const;

  // For plans: a fit on the largest fold, or on all rows before validation was planned.
  DataShape shape() const;
  // Held throughout: table (until it is released), bins, targets and weights.
  int64_t byte_count() const;
  // What was chosen or dropped, for people, one line each.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  explicit TrainingSet(Metric metric) : metric_(metric) {}
  std::span<const int32_t> parts_of(size_t partition) const {
    if (!scored_parts_.empty()) return scored_parts_[partition];
    if (metric_.decides()) return scored_blocks_;
    return {};
  }
  void take(ColumnRoles roles);
  // Also encodes the table.
  Status fit_encoder(const EncoderOptions& options, const kernels::ComputeContext& context);
  // With the encoder that was given, if any.
  Status encode(const ExperimentConfig& config, const EncoderOptions& options,
                const kernels::ComputeContext& context);
  // Of columns that are used although they look like ids or like the target.
  Status note_findings(const EncoderOptions& options, const kernels::ComputeContext& context);
  std::vector<std::string> looks(const std::vector<std::string>& left_out) const;
  // Of some rows; `number` is that of their seed.
  Result<FittedLevelTargets> fit_levels(std::span<const uint32_t> rows, size_t number,
                                        const kernels::ComputeContext& context) const;
  Status add_combinations(std::vector<std::shared_ptr<const Combination>> chosen,
                          const kernels::ComputeContext& context);
  void balance_classes();
  // Multiplies the weights in training of each class's rows.
  void weigh_classes(std::span<const double> factors);

  std::shared_ptr<const datasets::Table> table_;
  int64_t row_count_ = 0;
  datasets::Target target_;
  Metric metric_;
  std::shared_ptr<const FeatureEncoder> encoder_;
  EncoderOptions options_;  // that it was fitted with
  std::unique_ptr<EncodedTable> features_;
  // Over the rows of the table.
  std::vector<double> values_;
  std::vector<int32_t> classes_;
  std::vector<float> row_weights_;    // of the weight column; empty without one
  std::vector<float> train_weights_;  // with class weights; empty: all 1
  std::vector<int32_t> groups_;       // empty: no such column
  std::vector<double> times_;
  Constraints constraints_;
  TrainingData data_;

  struct FoldLevels {
    std::shared_ptr<const LevelTargets> targets;
    std::unique_ptr<LevelTargetView> features;
    TrainingData data;
  };
  std::vector<FoldLevels> levels_;  // [all folds], or empty
  uint64_t level_seed_ = 0;

  std::string validation_method_;
  std::string validation_reason_;
  std::vector<Fold> folds_;  // of all partitions
  size_t fold_count_ = 1;    // of one
  std::vector<uint32_t> scored_rows_;
  std::vector<int32_t> scored_classes_;
  std::vector<double> scored_values_;
  std::vector<int32_t> scored_queries_;  // empty: the metric wants none
  std::vector<float> scored_weights_;
  std::vector<std::vector<int32_t>> scored_parts_;  // [partitions], or empty for a holdout
  std::vector<int32_t> scored_blocks_;
  std::vector<std::string> notes_;
};

}  // namespace assay::automl
