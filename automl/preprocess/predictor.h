// Predictor: all that a model file holds: what it needs of a table (input contract and encoding),
// the model, and what its outputs mean. Immutable; thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "automl/config/param_map.h"
#include "automl/metrics/decision.h"
#include "automl/metrics/task.h"
#include "automl/models/model.h"
#include "automl/preprocess/feature_encoder.h"
#include "kernels/base/byte_sink.h"

namespace assay::automl {

class Predictor {
 public:
  struct Parts {
    Task task = Task::kRegression;
    std::string target;               // the predicted column
    std::vector<std::string> labels;  // classification: [classes], in the order of probabilities
    // Fields that meant a missing value when the training table was read. Not given: those of the
    // time before model files said it.
    std::optional<std::vector<std::string>> missing_tokens;
    std::shared_ptr<const FeatureEncoder> encoder;
    std::shared_ptr<const Model> model;
    // Regression: predictions are numbers of this frame, those that the model was chosen by.
    TargetScale frame;
    // Binary: the positive class, the second, is predicted where its share of the probabilities is
    // above this (metrics/decision.h); in (0, 1). Files that do not say it mean 0.5.
    double threshold = kEvenThreshold;
    // Facts worth keeping with the model: metric, validation score, ... (no times, no ids).
    ParamMap notes;
  };
  // Fails: invalid_argument if model, encoder, task and labels do not fit together.
  static Result<Predictor> make(Parts parts);

  // What predictions are for: to be seen, or to be decided by alone.
  enum class Wanted : uint8_t { kPredictions, kDecisions };

  // Predictions for every row, [rows, output_count] row-major: probabilities of labels(), or
  // values as numbers of frame(). Of kDecisions only decide() of a row means something, and that is
  // the same, but it may come sooner (Model::predict_decisions).
  // Fails: data if the table breaks the input contract; invalid_argument for decisions of a
  // regression; as Model::predict.
  Result<std::vector<float>> predict(std::shared_ptr<const datasets::Table> table,
                                     const kernels::ComputeContext& context,
                                     Wanted wanted = Wanted::kPredictions) const;

  // As Model::keep_prepared: worth it where a table is predicted in many pieces.
  void keep_prepared() const { parts_.model->keep_prepared(); }
  int64_t model_bytes() const { return parts_.model->byte_count(); }

  Task task() const { return parts_.task; }
  const std::string& target() const { return parts_.target; }
  const std::vector<std::string>& labels() const { return parts_.labels; }
  // What tables to predict must be read with, for the same fields to be missing as in training.
  std::vector<std::string> missing_tokens() const;
  const FeatureEncoder& encoder() const { return *parts_.encoder; }
  const Model& model() const { return *parts_.model; }
  const TargetScale& frame() const { return parts_.frame; }
  const ParamMap& notes() const { return parts_.notes; }
  double threshold() const { return parts_.threshold; }
  // The class that a row's probabilities decide for, as a number of labels(): of two classes by the
  // threshold, else the first of the most probable ones.
  size_t decide(std::span<const float> row) const;
  int32_t output_count() const { return parts_.model->output_count(); }

  // Writes a model file: equal predictors write equal bytes. Fails: internal; as `sink`.
  Status write(ByteSink sink) const;
  // Its bytes.
  // Fails: internal.
  Result<std::string> to_bytes() const;
  // How many they are, without making them. Fails: internal.
  Result<int64_t> file_bytes() const;
  // Fails: data if the bytes are not a sound model file of a format this program knows.
  static Result<Predictor> from_bytes(std::string bytes, std::string source);

 private:
  explicit Predictor(Parts parts);
  void save(ModelWriter& writer) const;
  Parts parts_;
  std::vector<uint8_t> binned_;  // [features]: whether the model reads its bins
};

}  // namespace assay::automl
