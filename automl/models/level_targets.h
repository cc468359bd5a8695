// Level targets (target encoding; Micci-Barreca, "A Preprocessing Scheme for High-Cardinality
// Categorical Attributes", 2001): features whose number is the mean target of the rows that share a
// level, for columns of more levels than bins can tell apart. The encoder has a place for each such
// feature, missing in every row, and the rows' codes (FeatureView::level_keys). Who fits on some
// rows only, as folds do, fills these places from the targets of these rows
// (preprocess/level_target_fit.h); what it learned of each level goes with its model.
//
//   LevelTargets       the bin of each level
//   LevelTargetView    an encoded table with the places filled
//   LevelTargetModel   a model that was fitted on such a view, and its LevelTargets
//
// All are immutable and thread-safe, but that a view makes its bins when first asked for.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "automl/models/model.h"
#include "datasets/binned_matrix.h"

namespace assay::automl {

// One feature.
struct LevelTargetColumn {
  int32_t feature = 0;        // its place
  int32_t key = 0;            // of the view's level_keys()
  std::vector<uint8_t> bins;  // [codes of the key]
  int32_t bin_count() const;
  bool operator==(const LevelTargetColumn&) const = default;
};

class LevelTargets {
 public:
  // Fails: invalid_argument if a feature is named twice or is none of `feature_count`, or a column
  // has no bins or one of kMaxBins and more.
  static Result<std::shared_ptr<const LevelTargets>> make(std::vector<LevelTargetColumn> columns,
                                                          int32_t feature_count);
  static Result<std::shared_ptr<const LevelTargets>> load(const ModelReader& reader,
                                                          int32_t feature_count);
  void save(ModelWriter& writer) const;

  const std::vector<LevelTargetColumn>& columns() const { return columns_; }
  int64_t byte_count() const;
  // Fails: invalid_argument if the view lacks one of the keys, or that has another number of codes.
  Status check(const FeatureView& features) const;
  bool operator==(const LevelTargets& other) const { return columns_ == other.columns_; }

 private:
  explicit LevelTargets(std::vector<LevelTargetColumn> columns) : columns_(std::move(columns)) {}
  std::vector<LevelTargetColumn> columns_;
};

class LevelTargetView final : public FeatureView {
 public:
  // `base` must outlive it, and LevelTargets::check(base) hold. `row_bins` [columns][rows] are the
  // places' bins; empty: those of the rows' levels.
  LevelTargetView(const FeatureView& base, std::shared_ptr<const LevelTargets> targets,
                  std::vector<std::vector<uint8_t>> row_bins = {});

  int64_t row_count() const override { return base_.row_count(); }
  int32_t feature_count() const override { return base_.feature_count(); }
  std::span<const int32_t> dense_features() const override { return base_.dense_features(); }
  Result<kernels::BinnedView> bins(kernels::Device& device,
                                   const kernels::ComputeContext& context) const override;
  Result<kernels::BinnedView> growth_bins(kernels::Device& device,
                                          const kernels::ComputeContext& context) const override;
  // That of the base: the places are no part of it.
  Result<DenseView> dense(const kernels::ComputeContext& context) const override {
    return base_.dense(context);
  }
  std::span<const LevelKey> level_keys() const override { return base_.level_keys(); }

 private:
  // The bins on `device`, made if need be; mutex_ is held.
  Result<datasets::BinnedMatrix*> matrix_on(kernels::Device& device,
                                            const kernels::ComputeContext& context) const;
  void fill(size_t column, const kernels::BinnedView& layout, std::vector<uint8_t>& cells) const;

  const FeatureView& base_;
  std::shared_ptr<const LevelTargets> targets_;
  std::vector<std::vector<uint8_t>> row_bins_;
  mutable std::mutex mutex_;
  mutable std::list<datasets::BinnedMatrix> matrices_;  // one a device
};

class LevelTargetModel final : public Model {
 public:
  // `model` as it is, if it reads none of the places.
  // Fails: invalid_argument if the targets name a feature that the model has not.
  static Result<std::shared_ptr<const Model>> wrap(std::shared_ptr<const Model> model,
                                                   std::shared_ptr<const LevelTargets> targets);
  static Result<std::unique_ptr<Model>> load(const ModelReader& reader, int depth);

  std::string_view kind() const override { return "level_targets"; }
  int32_t output_count() const override { return model_->output_count(); }
  int32_t feature_count() const override { return model_->feature_count(); }
  int64_t byte_count() const override;
  int64_t step_count() const override { return model_->step_count(); }
  int64_t refit_steps() const override { return model_->refit_steps(); }
  std::unique_ptr<Model> first_steps(int64_t steps) const override;
  std::optional<Link> score_link() const override { return model_->score_link(); }
  std::vector<double> feature_importance() const override { return model_->feature_importance(); }
  void mark_binned(std::span<uint8_t> used) const override { model_->mark_binned(used); }
  void keep_prepared() const override { model_->keep_prepared(); }
  void save(ModelWriter& writer) const override;

  // What was fitted.
  const std::shared_ptr<const Model>& model() const { return model_; }
  const LevelTargets& targets() const { return *targets_; }

 protected:
  Status do_predict(const FeatureView& features, std::span<const uint32_t> rows,
                    const kernels::ComputeContext& context, std::span<float> out,
                    const TargetScale& frame) const override;
  Status do_decide(const FeatureView& features, std::span<const uint32_t> rows,
                   const kernels::ComputeContext& context, double threshold,
                   std::span<float> out) const override;
  Status do_explain(const FeatureView& features, std::span<const uint32_t> rows,
                    const kernels::ComputeContext& context, ExplainedScale scale,
                    std::span<double> out) const override;

 private:
  LevelTargetModel(std::shared_ptr<const Model> model, std::shared_ptr<const LevelTargets> targets)
      : model_(std::move(model)), targets_(std::move(targets)) {}
  std::shared_ptr<const Model> model_;
  std::shared_ptr<const LevelTargets> targets_;
};

}  // namespace assay::automl
