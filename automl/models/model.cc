#include "automl/models/model.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "automl/models/average_model.h"
#include "automl/models/calibrated_model.h"
#include "automl/models/constant_model.h"
#include "automl/models/level_targets.h"
#include "automl/models/linear_model.h"
#include "automl/models/mlp_model.h"
#include "automl/models/stacked_model.h"
#include "automl/models/tree_model.h"

namespace assay::automl {

std::unique_ptr<Model> Model::first_steps(int64_t) const { return nullptr; }

void Model::mark_binned(std::span<uint8_t> used) const {
  std::fill(used.begin(), used.end(), uint8_t{1});
}

Status Model::check_input(const FeatureView& features, std::span<const uint32_t> rows) const {
  if (features.feature_count() != feature_count()) {
    return fail(StatusCode::kInvalidArgument, "{} features (the model was fitted on {})",
                features.feature_count(), feature_count());
  }
  const auto limit = static_cast<uint64_t>(features.row_count());
  for (const uint32_t row : rows) {
    if (row >= limit) {
      return fail(StatusCode::kInvalidArgument, "row {} (must be below {})", row, limit);
    }
  }
  return {};
}

Status Model::check_room(std::span<const uint32_t> rows, std::span<float> out) const {
  const auto wanted = rows.size() * static_cast<size_t>(output_count());
  if (out.size() != wanted) {
    return fail(StatusCode::kInvalidArgument, "room for {} predictions (must be {})", out.size(),
                wanted);
  }
  return {};
}

Status Model::predict(const FeatureView& features, std::span<const uint32_t> rows,
                      const kernels::ComputeContext& context, std::span<float> out,
                      const TargetScale& frame) const {
  ASSAY_RETURN_IF_ERROR(check_input(features, rows));
  ASSAY_RETURN_IF_ERROR(check_room(rows, out));
  if (rows.empty()) return {};
  return do_predict(features, rows, context, out, frame);
}

Status Model::predict_decisions(const FeatureView& features, std::span<const uint32_t> rows,
                                const kernels::ComputeContext& context, double threshold,
                                std::span<float> out) const {
  ASSAY_RETURN_IF_ERROR(check_input(features, rows));
  ASSAY_RETURN_IF_ERROR(check_room(rows, out));
  if (output_count() < 2) {
    return fail(StatusCode::kInvalidArgument, "decisions of a {} model of {} outputs (must be 2..)",
                kind(), output_count());
  }
  if (!(threshold > 0 && threshold < 1)) {
    return fail(StatusCode::kInvalidArgument, "a decision threshold of {} (must be in (0, 1))",
                threshold);
  }
  if (rows.empty()) return {};
  return do_decide(features, rows, context, threshold, out);
}

Status Model::do_decide(const FeatureView& features, std::span<const uint32_t> rows,
                        const kernels::ComputeContext& context, double,
                        std::span<float> out) const {
  return do_predict(features, rows, context, out, {});
}

int32_t Model::explained_count(ExplainedScale scale) const {
  const bool one_score = scale == ExplainedScale::kScores && score_link() == Link::kLogistic;
  return one_score ? 1 : output_count();
}

Status Model::explain(const FeatureView& features, std::span<const uint32_t> rows,
                      const kernels::ComputeContext& context, ExplainedScale scale,
                      std::span<double> out) const {
  ASSAY_RETURN_IF_ERROR(check_input(features, rows));
  if (scale == ExplainedScale::kScores && !score_link()) {
    return fail(StatusCode::kInvalidArgument,
                "the {} model has no scores of one kind (its predictions can be explained)",
                kind());
  }
  const size_t stride = static_cast<size_t>(feature_count()) + 1;
  const size_t wanted = rows.size() * static_cast<size_t>(explained_count(scale)) * stride;
  if (out.size() != wanted) {
    return fail(StatusCode::kInvalidArgument, "room for {} contributions (must be {})", out.size(),
                wanted);
  }
  if (rows.empty()) return {};
  return do_explain(features, rows, context, scale, out);
}

Status Model::predict_all(const FeatureView& features, const kernels::ComputeContext& context,
                          std::span<float> out, const TargetScale& frame) const {
  std::vector<uint32_t> rows(static_cast<size_t>(features.row_count()));
  std::iota(rows.begin(), rows.end(), 0u);
  return predict(features, rows, context, out, frame);
}

void save_model(const Model& model, ModelWriter& writer) {
  writer.put_text("kind", model.kind());
  model.save(writer);
}

Result<std::unique_ptr<Model>> load_model(const ModelReader& reader, int depth) {
  ASSAY_ASSIGN_OR_RETURN(const std::string kind, reader.text("kind"));
  if (kind == "constant") return ConstantModel::load(reader);
  if (kind == "linear") return LinearModel::load(reader);
  if (kind == "mlp") return MlpModel::load(reader);
  if (kind == "trees") return TreeModel::load(reader);
  if (kind == "average" && depth > 0) return AverageModel::load(reader, depth - 1);
  if (kind == "level_targets" && depth > 0) return LevelTargetModel::load(reader, depth - 1);
  if (kind == "stacked" && depth > 0) return StackedModel::load(reader, depth - 1);
  if (CalibratedModel::is_kind(kind) && depth > 0) {
    return CalibratedModel::load(reader, kind, depth - 1);
  }
  const bool nests = kind == "average" || kind == "level_targets" || kind == "stacked" ||
                     CalibratedModel::is_kind(kind);
  return reader.damaged(nests ? "models are nested too deep"
                              : "unknown kind of model '" + kind + "'");
}

float to_f32(double value) {
  constexpr double kMost = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(value, -kMost, kMost));
}

}  // namespace assay::automl
