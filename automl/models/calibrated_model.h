// CalibratedModel: another model's class probabilities, made sharper or flatter: p_k to the power
// of `power`, divided by their sum (temperature scaling; Guo, Pleiss, Sun, Weinberger: "On
// Calibration of Modern Neural Networks", ICML 2017: the power is the inverse temperature). The
// order of a row's classes stays, and with two classes the order of the rows.
#pragma once

#include <memory>
#include <vector>

#include "automl/models/model.h"

namespace assay::automl {

inline constexpr double kLeastPower = 0.1;
inline constexpr double kMostPower = 10;

// Rows [rows, columns] of probabilities in place; rows whose probabilities are all 0 stay.
void sharpen(std::span<float> probabilities, int64_t columns, double power);

class CalibratedModel final : public Model {
 public:
  // Fails: invalid_argument if the power is not in kLeastPower..kMostPower or the model gives no
  // probabilities of at least two classes.
  static Result<std::unique_ptr<Model>> make(std::shared_ptr<const Model> model, double power);
  static Result<std::unique_ptr<Model>> load(const ModelReader& reader, int depth);

  std::string_view kind() const override { return "calibrated"; }
  int32_t output_count() const override { return model_->output_count(); }
  int32_t feature_count() const override { return model_->feature_count(); }
  int64_t byte_count() const override {
    return static_cast<int64_t>(sizeof *this) + model_->byte_count();
  }
  // Scores are the model's times the power.
  std::optional<Link> score_link() const override { return model_->score_link(); }
  std::vector<double> feature_importance() const override { return model_->feature_importance(); }
  void mark_binned(std::span<uint8_t> used) const override { model_->mark_binned(used); }
  void save(ModelWriter& writer) const override;

  const std::shared_ptr<const Model>& model() const { return model_; }
  double power() const { return power_; }

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
  CalibratedModel(std::shared_ptr<const Model> model, double power)
      : model_(std::move(model)), power_(power) {}
  std::shared_ptr<const Model> model_;
  double power_;
};

}  // namespace assay::automl
