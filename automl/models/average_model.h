// AverageModel: the weighted mean of other models' predictions, summed in member order in double.
// The fold models of one trial are averaged with equal weights, an ensemble with its own.
#pragma once

#include <memory>
#include <vector>

#include "automl/models/model.h"

namespace assay::automl {

class AverageModel final : public Model {
 public:
  // Members may be shared between averages. Weights are scaled to sum to 1; a member of weight 0
  // is left out.
  // Fails: invalid_argument if there is no member, the numbers differ, members differ in outputs or
  // features, or weights are negative, not finite or sum to 0.
  static Result<std::unique_ptr<Model>> make(std::vector<std::shared_ptr<const Model>> members,
                                             std::vector<double> weights);
  // Equal weights.
  static Result<std::unique_ptr<Model>> make(std::vector<std::shared_ptr<const Model>> members);
  static Result<std::unique_ptr<Model>> load(const ModelReader& reader, int depth);

  std::string_view kind() const override { return "average"; }
  int32_t output_count() const override { return members_[0]->output_count(); }
  int32_t feature_count() const override { return members_[0]->feature_count(); }
  // That of its members, if it is one.
  std::optional<Link> score_link() const override;
  int64_t byte_count() const override;
  std::vector<double> feature_importance() const override;
  void mark_binned(std::span<uint8_t> used) const override;
  void keep_prepared() const override;
  // The mean of its members', rounded up; 0 if one has none.
  int64_t refit_steps() const override;
  void save(ModelWriter& writer) const override;

  const std::vector<std::shared_ptr<const Model>>& members() const { return members_; }
  const std::vector<double>& weights() const { return weights_; }

 protected:
  Status do_predict(const FeatureView& features, std::span<const uint32_t> rows,
                    const kernels::ComputeContext& context, std::span<float> out,
                    const TargetScale& frame) const override;
  // Rows leave when the members that are left cannot change their decision.
  Status do_decide(const FeatureView& features, std::span<const uint32_t> rows,
                   const kernels::ComputeContext& context, double threshold,
                   std::span<float> out) const override;
  Status do_explain(const FeatureView& features, std::span<const uint32_t> rows,
                    const kernels::ComputeContext& context, ExplainedScale scale,
                    std::span<double> out) const override;

 private:
  AverageModel(std::vector<std::shared_ptr<const Model>> members, std::vector<double> weights)
      : members_(std::move(members)), weights_(std::move(weights)) {}
  std::vector<std::shared_ptr<const Model>> members_;
  std::vector<double> weights_;
};

// A model that is one by itself, or the average of several. Fails: as AverageModel::make.
Result<std::shared_ptr<const Model>> average_of(std::vector<std::shared_ptr<const Model>> models);

}  // namespace assay::automl
