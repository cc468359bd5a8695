// StackedModel: a second level over other models. For classes a logarithmic pool, z_k = sum over
// members of w * log p_k, and a softmax of that: with two classes the sum of the members' log-odds.
// For numbers the sum of w * value, and a constant. Weights are > 0 and need not sum to 1.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "automl/models/model.h"

namespace assay::automl {

// log p, of what log_loss takes probabilities of 0 for if it is smaller.
double log_chance(float p);
// The softmax of scores.
void soften(std::span<const double> scores, std::span<float> out);

class StackedModel final : public Model {
 public:
  struct Parts {
    std::vector<std::shared_ptr<const Model>> members;
    std::vector<double> weights;
    double bias = 0;  // of values, not of numbers of a frame; 0 for classes
  };
  // A member of weight 0 is left out. Members of one output give values, of more probabilities.
  // Fails: invalid_argument if no member is left, the numbers differ, members differ in outputs or
  // features, or a number is negative, not finite, or a bias of classes.
  static Result<std::unique_ptr<Model>> make(Parts parts);
  static Result<std::unique_ptr<Model>> load(const ModelReader& reader, int depth);

  std::string_view kind() const override { return "stacked"; }
  int32_t output_count() const override { return parts_.members[0]->output_count(); }
  int32_t feature_count() const override { return parts_.members[0]->feature_count(); }
  int64_t byte_count() const override;
  // That of its members, if it is one that sums of scores keep.
  std::optional<Link> score_link() const override;
  // The mean of the members', by weight.
  std::vector<double> feature_importance() const override;
  void mark_binned(std::span<uint8_t> used) const override;
  void keep_prepared() const override;
  void save(ModelWriter& writer) const override;

  const Parts& parts() const { return parts_; }

 protected:
  Status do_predict(const FeatureView& features, std::span<const uint32_t> rows,
                    const kernels::ComputeContext& context, std::span<float> out,
                    const TargetScale& frame) const override;
  // Of scores and values the members' weighted sum. Of probabilities the members' mean by weight,
  // each row's stretched by what the pool moves away from the pool of the bases.
  Status do_explain(const FeatureView& features, std::span<const uint32_t> rows,
                    const kernels::ComputeContext& context, ExplainedScale scale,
                    std::span<double> out) const override;

 private:
  explicit StackedModel(Parts parts) : parts_(std::move(parts)) {}
  double weight_sum() const;
  Status explain_pool(const FeatureView& features, std::span<const uint32_t> rows,
                      const kernels::ComputeContext& context, std::span<double> out) const;
  Parts parts_;
};

}  // namespace assay::automl
