// MlpModel: a network (mlp_network.h), and what its scores mean.
#pragma once

#include <memory>
#include <vector>

#include "automl/models/mlp_network.h"
#include "automl/models/model.h"
#include "automl/models/scores.h"

namespace assay::automl {

class MlpModel final : public Model {
 public:
  struct Parts {
    MlpShape shape;
    std::vector<float> parameters;  // as MlpLayout has them, within kMostParameter
    std::vector<int32_t> features;  // [dense columns]: the feature a column comes from
    Link link = Link::kIdentity;
    TargetScale target;
    int32_t feature_count = 0;
    std::vector<double> importance;  // [features], as feature_importance() gives it
    int64_t epochs = 1;              // of the fit until these parameters
  };
  // Fails: invalid_argument if the parts do not fit together or a number is out of range.
  static Result<std::unique_ptr<Model>> make(Parts parts);
  static Result<std::unique_ptr<Model>> load(const ModelReader& reader);

  std::string_view kind() const override { return "mlp"; }
  int32_t output_count() const override {
    return output_count_of(parts_.link, parts_.shape.scores);
  }
  std::optional<Link> score_link() const override { return parts_.link; }
  int32_t feature_count() const override { return parts_.feature_count; }
  int64_t byte_count() const override;
  // As the fit measured it: |input * derivative of the loss| of training rows.
  std::vector<double> feature_importance() const override { return parts_.importance; }
  int64_t refit_steps() const override { return parts_.epochs; }
  void mark_binned(std::span<uint8_t>) const override {}
  void save(ModelWriter& writer) const override;
  const Parts& parts() const { return parts_; }

 protected:
  Status do_predict(const FeatureView& features, std::span<const uint32_t> rows,
                    const kernels::ComputeContext& context, std::span<float> out,
                    const TargetScale& frame) const override;
  // Integrated gradients from the row of zeros, which for numbers is the mean of training
  // (Sundararajan, Taly, Yan, "Axiomatic Attribution for Deep Networks", ICML 2017); in
  // so many points that the fastest wave has eight a turn; what their sum misses goes to the
  // features by their size.
  Status do_explain(const FeatureView& features, std::span<const uint32_t> rows,
                    const kernels::ComputeContext& context, ExplainedScale scale,
                    std::span<double> out) const override;

 private:
  explicit MlpModel(Parts parts)
      : parts_(std::move(parts)),
        layout_(parts_.shape),
        network_(parts_.shape, layout_, parts_.parameters) {}
  Result<DenseView> dense_of(const FeatureView& features,
                             const kernels::ComputeContext& context) const;
  // Of the scores of a pass, [rows, outputs].
  void write_predictions(const TargetScale& target, const MlpPass& pass,
                         std::span<float> out) const;
  // Contributions of one dense row to each score, [scores, features + 1]. `turned` as
  // MlpNetwork::turn makes it.
  Status contributions(std::span<const float> row, std::span<const float> turned,
                       const kernels::ComputeContext& context, MlpPass& pass,
                       std::span<double> scores) const;

  Parts parts_;
  MlpLayout layout_;
  MlpNetwork network_;
};

}  // namespace assay::automl
