// Model: what a learner's fit gives. It predicts and can be saved; it never changes. All functions
// are const and thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "automl/metrics/target_scale.h"
#include "automl/models/contributions.h"
#include "automl/models/feature_view.h"
#include "automl/models/model_file.h"
#include "kernels/base/status.h"

namespace assay::automl {

class Model {
 public:
  virtual ~Model() = default;

  // What it is, as a file says it: "trees", "linear", "mlp", "constant", "average",
  // "level_targets", "stacked", "calibrated" and others (calibrated_model.h).
  virtual std::string_view kind() const = 0;
  // Columns of predictions: the number of classes (2 for binary), 1 for regression.
  virtual int32_t output_count() const = 0;
  // Features it was fitted on.
  virtual int32_t feature_count() const = 0;
  // Memory it holds.
  virtual int64_t byte_count() const = 0;

  // Steps (boosting rounds) that it is made of, one upon the other; 0 if it is not made so.
  virtual int64_t step_count() const { return 0; }
  // Steps that a fit on more rows should make to come to the same: 0 if that is not known.
  virtual int64_t refit_steps() const { return step_count(); }
  // The model after its first `steps` steps, 1..step_count(). Null if step_count() is 0.
  virtual std::unique_ptr<Model> first_steps(int64_t steps) const;

  // Predictions for the given rows of `features`, into `out` [rows, output_count] row-major:
  // probabilities that are finite and sum to 1 within rounding, or finite values as numbers of
  // `frame` (held within f32). Classification wants the plain frame. The bits depend on the
  // features, the model and the frame alone.
  // Fails: invalid_argument if `out` has another size, a row is out of range or the features are
  // not as many as it was fitted on; cancelled; resource_exhausted; device.
  Status predict(const FeatureView& features, std::span<const uint32_t> rows,
                 const kernels::ComputeContext& context, std::span<float> out,
                 const TargetScale& frame = {}) const;
  // The same for all rows.
  Status predict_all(const FeatureView& features, const kernels::ComputeContext& context,
                     std::span<float> out, const TargetScale& frame = {}) const;

  // As predict, of a classifier whose decisions alone are wanted: decide_class(row, threshold) of
  // each row of `out` is that of predict's, but the numbers need not be its probabilities. Trees
  // leave out what can change no decision (kernels/early_exit.h), averages members; calibrated and
  // stacked models predict. Which numbers come does not depend on threads, but on the device and on
  // what it has kept by now (keep_prepared).
  // Fails: as predict; invalid_argument without classes, or for a threshold outside (0, 1).
  Status predict_decisions(const FeatureView& features, std::span<const uint32_t> rows,
                           const kernels::ComputeContext& context, double threshold,
                           std::span<float> out) const;

  // What each feature contributes to the predictions of the given rows (contributions.h), as
  // values, not as numbers of a frame: out [rows, explained_count(scale), feature_count + 1]. For
  // trees the Shapley values of path-dependent TreeSHAP; for linear models coefficients times the
  // distance from the training mean (a category's from none); for networks integrated gradients
  // from there (mlp_model.h); for averages the members' means. The bits do not depend on threads.
  // Trees cost O(nodes * depth) a row. Fails: invalid_argument as predict, and for kScores if the
  // model has no scores (a constant, or an average whose members have different links); cancelled;
  // resource_exhausted; device.
  Status explain(const FeatureView& features, std::span<const uint32_t> rows,
                 const kernels::ComputeContext& context, ExplainedScale scale,
                 std::span<double> out) const;
  // The link of its scores; nothing if it has none.
  virtual std::optional<Link> score_link() const { return std::nullopt; }
  // Outputs that explain() gives: output_count(), or the number of scores.
  int32_t explained_count(ExplainedScale scale) const;

  // [feature_count], >= 0, sums to 1, or all 0 if the model uses no feature. Trees: gains of
  // splits; linear: |coefficient| on scaled columns; networks: how much the loss of training rows
  // hangs on them; average: the weighted mean of its members'.
  virtual std::vector<double> feature_importance() const = 0;

  // Sets used[f], of [feature_count], to 1 for the features whose bins predict() may read.
  virtual void mark_binned(std::span<uint8_t> used) const;

  // Tells that predict() will be called again and again: from now on what devices prepare of the
  // model to be faster is kept, and counted by byte_count(). Without it that is made for each call.
  virtual void keep_prepared() const {}

  // Writes the parts that load_model reads; equal models write equal bytes. The writer may read
  // from the model until its file is written.
  virtual void save(ModelWriter& writer) const = 0;

 protected:
  // As `predict`, with arguments checked and at least one row.
  virtual Status do_predict(const FeatureView& features, std::span<const uint32_t> rows,
                            const kernels::ComputeContext& context, std::span<float> out,
                            const TargetScale& frame) const = 0;
  // As `predict_decisions`, likewise. By default predicts.
  virtual Status do_decide(const FeatureView& features, std::span<const uint32_t> rows,
                           const kernels::ComputeContext& context, double threshold,
                           std::span<float> out) const;
  // As `explain`, with arguments checked and at least one row.
  virtual Status do_explain(const FeatureView& features, std::span<const uint32_t> rows,
                            const kernels::ComputeContext& context, ExplainedScale scale,
                            std::span<double> out) const = 0;

 private:
  Status check_input(const FeatureView& features, std::span<const uint32_t> rows) const;
  Status check_room(std::span<const uint32_t> rows, std::span<float> out) const;
};

// Writes the kind and then the model's parts.
void save_model(const Model& model, ModelWriter& writer);

// Reads what save_model wrote and checks all of it: a model that loads cannot make prediction read
// out of bounds, whatever the bytes were. Models of models may nest `depth` deep.
// Fails: data, naming the file and the part.
Result<std::unique_ptr<Model>> load_model(const ModelReader& reader, int depth = 4);

// Rounds to f32; beyond its range the greatest finite value.
float to_f32(double value);

}  // namespace assay::automl
