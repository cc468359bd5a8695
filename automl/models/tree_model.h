// TreeModel: a forest over binned features, and what its sums mean: boosted trees, random forests
// and extra trees alike.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "automl/models/model.h"
#include "automl/models/scores.h"
#include "kernels/forest_cache.h"
#include "kernels/tree.h"

namespace assay::automl {

class TreeModel final : public Model {
 public:
  struct Parts {
    kernels::Forest forest{1, 1};
    std::vector<double> base_scores;  // [forest.output_count()], added to every row's sums
    bool average = false;             // divide the sums by the number of trees (forests)
    Link link = Link::kIdentity;
    TargetScale target;
    int32_t feature_count = 0;

    // What the sums of base scores and leaves mean, as numbers of `frame`.
    ScoreMeaning meaning(const TargetScale& frame) const {
      const auto trees = static_cast<double>(forest.tree_count());
      return {link, target.in(frame), forest.output_count(), average ? 1.0 / trees : 1.0};
    }
  };
  // Fails: invalid_argument if the parts do not fit together or a number is not finite; data as
  // Forest::check.
  static Result<std::unique_ptr<Model>> make(Parts parts);
  static Result<std::unique_ptr<Model>> load(const ModelReader& reader);

  std::string_view kind() const override { return "trees"; }
  int32_t output_count() const override {
    return output_count_of(parts_.link, parts_.forest.output_count());
  }
  std::optional<Link> score_link() const override { return parts_.link; }
  int32_t feature_count() const override { return parts_.feature_count; }
  int64_t byte_count() const override;
  // Rounds of boosted trees; 0 for averages.
  int64_t step_count() const override;
  std::unique_ptr<Model> first_steps(int64_t steps) const override;
  std::vector<double> feature_importance() const override;
  void mark_binned(std::span<uint8_t> used) const override;
  void keep_prepared() const override { keeps_.store(true, std::memory_order_relaxed); }
  void save(ModelWriter& writer) const override;
  const Parts& parts() const { return parts_; }

 protected:
  Status do_predict(const FeatureView& features, std::span<const uint32_t> rows,
                    const kernels::ComputeContext& context, std::span<float> out,
                    const TargetScale& frame) const override;
  // With early exit, where the link and threshold allow it.
  Status do_decide(const FeatureView& features, std::span<const uint32_t> rows,
                   const kernels::ComputeContext& context, double threshold,
                   std::span<float> out) const override;
  Status do_explain(const FeatureView& features, std::span<const uint32_t> rows,
                    const kernels::ComputeContext& context, ExplainedScale scale,
                    std::span<double> out) const override;

 private:
  explicit TreeModel(Parts parts) : parts_(std::move(parts)) {}
  // Predictions by `meaning`, of rows that may stop early if `exit` is not null.
  Status predict_by(const ScoreMeaning& meaning, const kernels::EarlyExit* exit,
                    const FeatureView& features, std::span<const uint32_t> rows,
                    const kernels::ComputeContext& context, std::span<float> out) const;
  // From what each feature contributes to the forest's sums [rows, scores, feature_count].
  Status explain_sums(std::span<const double> sums, std::span<const double> expected,
                      Executor& executor, ExplainedScale scale, std::span<double> out) const;
  Parts parts_;
  mutable std::atomic<bool> keeps_{false};
  mutable kernels::ForestCache cache_;
};

}  // namespace assay::automl
