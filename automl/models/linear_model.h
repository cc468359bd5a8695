// LinearModel: scores = intercepts + dense row * coefficients, and what they mean.
#pragma once

#include <memory>
#include <vector>

#include "automl/models/model.h"
#include "automl/models/scores.h"

namespace assay::automl {

class LinearModel final : public Model {
 public:
  struct Parts {
    std::vector<double> coefficients;  // [dense columns, scores] row-major
    std::vector<double> intercepts;    // [scores]
    std::vector<int32_t> features;     // [dense columns]: the feature a column comes from
    Link link = Link::kIdentity;
    TargetScale target;
    int32_t feature_count = 0;
  };
  // Fails: invalid_argument if the parts do not fit together or a number is not finite.
  static Result<std::unique_ptr<Model>> make(Parts parts);
  static Result<std::unique_ptr<Model>> load(const ModelReader& reader);

  std::string_view kind() const override { return "linear"; }
  int32_t output_count() const override {
    return output_count_of(parts_.link, static_cast<int32_t>(parts_.intercepts.size()));
  }
  std::optional<Link> score_link() const override { return parts_.link; }
  int32_t feature_count() const override { return parts_.feature_count; }
  int64_t byte_count() const override;
  std::vector<double> feature_importance() const override;
  void mark_binned(std::span<uint8_t>) const override {}
  void save(ModelWriter& writer) const override;
  const Parts& parts() const { return parts_; }

 protected:
  Status do_predict(const FeatureView& features, std::span<const uint32_t> rows,
                    const kernels::ComputeContext& context, std::span<float> out,
                    const TargetScale& frame) const override;
  Status do_explain(const FeatureView& features, std::span<const uint32_t> rows,
                    const kernels::ComputeContext& context, ExplainedScale scale,
                    std::span<double> out) const override;

 private:
  explicit LinearModel(Parts parts) : parts_(std::move(parts)) {}
  Parts parts_;
};

}  // namespace assay::automl
