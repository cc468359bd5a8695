// CalibratedModel: another model's class probabilities, moved to where they should be, in one of
// three ways (Calibrator). The first two keep the order of a row's scores up to shifts; with two
// classes all keep the order of the rows, but that a curve may make neighbours equal.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "automl/models/model.h"

namespace assay::automl {

inline constexpr double kLeastPower = 0.1;
inline constexpr double kMostPower = 10;
inline constexpr double kMostShift = 50;
inline constexpr int64_t kMostCurvePoints = 4096;

// Rows [rows, columns] of probabilities to a power, in place; those that are all 0 stay.
void sharpen(std::span<float> probabilities, int64_t columns, double power);

// How probabilities are moved. A plain value.
struct Calibrator {
  enum class Kind : uint8_t {
    // p_k to the power, divided by their sum (temperature scaling; Guo, Pleiss, Sun, Weinberger:
    // "On
    // Calibration of Modern Neural Networks", ICML 2017: the power is the inverse temperature).
    kPower,
    // The same times exp(shift_k): with two classes the sigmoid of power * log-odds + shift (Platt:
    // "Probabilistic Outputs for Support Vector Machines", 1999).
    kSigmoid,
    // A rising curve of p_k for each class, and divided by their sum; of two classes one curve, of
    // the second (isotonic regression; Zadrozny, Elkan: "Transforming Classifier Scores into
    // Accurate Multiclass Probability Estimates", KDD 2002).
    kIsotonic,
  };
  // From `from` to `to`, straight between points and level outside.
  struct Curve {
    std::vector<double> from;  // strictly ascending, in 0..1
    std::vector<double> to;    // ascending, in 0..1
    double at(double p) const;
  };

  Kind kind = Kind::kPower;
  double power = 1;
  std::vector<double> shifts;  // kSigmoid: [classes]
  std::vector<Curve> curves;   // kIsotonic: [classes], or one for two

  // False if probabilities stay as they are.
  bool changes() const { return kind != Kind::kPower || power != 1; }
  // One row of probabilities in place; one that is all 0 stays.
  void apply(std::span<double> row) const;
  void apply(std::span<float> rows, int64_t columns) const;
  // Fails: invalid_argument if it is not one of so many classes.
  Status check(int32_t classes) const;
};
// "temperature", "sigmoid", "isotonic".
std::string_view name_of(Calibrator::Kind kind);

class CalibratedModel final : public Model {
 public:
  // Fails: invalid_argument if the calibrator does not fit the model, which must give probabilities
  // of at least two classes.
  static Result<std::unique_ptr<Model>> make(std::shared_ptr<const Model> model,
                                             Calibrator calibrator);
  static Result<std::unique_ptr<Model>> make(std::shared_ptr<const Model> model, double power);
  // `kind` is one that kind() gives.
  static Result<std::unique_ptr<Model>> load(const ModelReader& reader, std::string_view kind,
                                             int depth);

  // "calibrated" (by a power), "calibrated_sigmoid", "calibrated_isotonic".
  std::string_view kind() const override;
  static bool is_kind(std::string_view kind);
  int32_t output_count() const override { return model_->output_count(); }
  int32_t feature_count() const override { return model_->feature_count(); }
  int64_t byte_count() const override;
  // Scores are the model's times the power, and shifted; behind a curve there are none.
  std::optional<Link> score_link() const override;
  std::vector<double> feature_importance() const override { return model_->feature_importance(); }
  void mark_binned(std::span<uint8_t> used) const override { model_->mark_binned(used); }
  void keep_prepared() const override { model_->keep_prepared(); }
  void save(ModelWriter& writer) const override;

  const std::shared_ptr<const Model>& model() const { return model_; }
  const Calibrator& calibrator() const { return calibrator_; }
  double power() const { return calibrator_.power; }

 protected:
  Status do_predict(const FeatureView& features, std::span<const uint32_t> rows,
                    const kernels::ComputeContext& context, std::span<float> out,
                    const TargetScale& frame) const override;
  // Contributions to probabilities are the model's, each row's stretched by what the probability
  // moves away from the base's.
  Status do_explain(const FeatureView& features, std::span<const uint32_t> rows,
                    const kernels::ComputeContext& context, ExplainedScale scale,
                    std::span<double> out) const override;

 private:
  CalibratedModel(std::shared_ptr<const Model> model, Calibrator calibrator)
      : model_(std::move(model)), calibrator_(std::move(calibrator)) {}
  std::shared_ptr<const Model> model_;
  Calibrator calibrator_;
};

}  // namespace assay::automl
