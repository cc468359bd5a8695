// ConstantModel: the same prediction for every row.
#pragma once

#include <memory>
#include <vector>

#include "automl/models/model.h"

namespace assay::automl {

class ConstantModel final : public Model {
 public:
  // Fails: invalid_argument if `outputs` is empty or has a value that is not finite.
  static Result<std::unique_ptr<Model>> make(std::vector<double> outputs, int32_t feature_count);
  static Result<std::unique_ptr<Model>> load(const ModelReader& reader);

  std::string_view kind() const override { return "constant"; }
  int32_t output_count() const override { return static_cast<int32_t>(outputs_.size()); }
  int32_t feature_count() const override { return feature_count_; }
  int64_t byte_count() const override;
  std::vector<double> feature_importance() const override;
  void mark_binned(std::span<uint8_t>) const override {}
  void save(ModelWriter& writer) const override;
  std::span<const double> outputs() const { return outputs_; }

 protected:
  Status do_predict(const FeatureView& features, std::span<const uint32_t> rows,
                    const kernels::ComputeContext& context, std::span<float> out,
                    const TargetScale& frame) const override;
  Status do_explain(const FeatureView& features, std::span<const uint32_t> rows,
                    const kernels::ComputeContext& context, ExplainedScale scale,
                    std::span<double> out) const override;

 private:
  ConstantModel(std::vector<double> outputs, int32_t feature_count)
      : outputs_(std::move(outputs)), feature_count_(feature_count) {}
  std::vector<double> outputs_;
  int32_t feature_count_;
};

}  // namespace assay::automl
