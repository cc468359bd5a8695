#include "automl/models/linear_model.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>

namespace assay::automl {
namespace {

constexpr int64_t kPredictedRows = 1024;
// Coefficients beyond this could make a score of clipped features overflow.
constexpr double kMaxCoefficient = 1e100;

bool moderate(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(),
                     [](double v) { return std::abs(v) <= kMaxCoefficient; });
}

}  // namespace

Result<std::unique_ptr<Model>> LinearModel::make(Parts parts) {
  const size_t scores = parts.intercepts.size();
  const bool one_score = takes_one_score(parts.link);
  if (scores == 0 || one_score != (scores == 1) || parts.link == Link::kShare ||
      parts.coefficients.size() != parts.features.size() * scores) {
    return fail(StatusCode::kInvalidArgument,
                "linear model of {} scores, {} coefficients and link {}: they do not fit", scores,
                parts.coefficients.size(), name_of(parts.link));
  }
  for (const int32_t feature : parts.features) {
    if (feature < 0 || feature >= parts.feature_count) {
      return fail(StatusCode::kInvalidArgument, "linear model on feature {} (must be below {})",
                  feature, parts.feature_count);
    }
  }
  if (!moderate(parts.coefficients) || !moderate(parts.intercepts) ||
      !std::isfinite(parts.target.offset) || !std::isfinite(parts.target.scale)) {
    return fail(StatusCode::kInvalidArgument, "linear model with coefficients beyond {}",
                kMaxCoefficient);
  }
  return std::unique_ptr<Model>(new LinearModel(std::move(parts)));
}

Result<std::unique_ptr<Model>> LinearModel::load(const ModelReader& reader) {
  Parts parts;
  ASSAY_ASSIGN_OR_RETURN(const int64_t features, reader.integer("feature_count", 0, INT32_MAX));
  parts.feature_count = static_cast<int32_t>(features);
  ASSAY_ASSIGN_OR_RETURN(parts.coefficients, reader.tensor<double>("coefficients"));
  ASSAY_ASSIGN_OR_RETURN(parts.intercepts, reader.tensor<double>("intercepts"));
  ASSAY_ASSIGN_OR_RETURN(parts.features, reader.tensor<int32_t>("features"));
  ASSAY_ASSIGN_OR_RETURN(const std::string link, reader.text("link"));
  auto parsed = parse_link(link);
  if (!parsed) return reader.damaged(parsed.error().message);
  parts.link = *parsed;
  ASSAY_ASSIGN_OR_RETURN(const auto target, reader.tensor<double>("target", 2));
  parts.target = {target[0], target[1]};
  auto model = make(std::move(parts));
  if (!model) return reader.damaged(model.error().message);
  return model;
}

int64_t LinearModel::byte_count() const {
  return static_cast<int64_t>(
      sizeof *this + (parts_.coefficients.size() + parts_.intercepts.size()) * sizeof(double) +
      parts_.features.size() * sizeof(int32_t));
}

std::vector<double> LinearModel::feature_importance() const {
  std::vector<double> importance(static_cast<size_t>(parts_.feature_count), 0.0);
  const size_t scores = parts_.intercepts.size();
  double sum = 0;
  for (size_t i = 0; i < parts_.coefficients.size(); ++i) {
    const double size = std::abs(parts_.coefficients[i]);
    importance[static_cast<size_t>(parts_.features[i / scores])] += size;
    sum += size;
  }
  if (sum > 0) {
    for (double& value : importance) value /= sum;
  }
  return importance;
}

void LinearModel::save(ModelWriter& writer) const {
  writer.put_integer("feature_count", parts_.feature_count);
  writer.put_text("link", name_of(parts_.link));
  writer.put_tensor("coefficients", std::span<const double>(parts_.coefficients),
                    {static_cast<int64_t>(parts_.features.size()),
                     static_cast<int64_t>(parts_.intercepts.size())});
  writer.put_tensor("intercepts", std::span<const double>(parts_.intercepts));
  writer.put_tensor("features", std::span<const int32_t>(parts_.features));
  const double target[] = {parts_.target.offset, parts_.target.scale};
  writer.put_tensor("target", std::span<const double>(target));
}

Status LinearModel::do_predict(const FeatureView& features, std::span<const uint32_t> rows,
                               const kernels::ComputeContext& context, std::span<float> out,
                               const TargetScale& frame) const {
  ASSAY_ASSIGN_OR_RETURN(const DenseView dense, features.dense(context));
  if (dense.column_count != static_cast<int32_t>(parts_.features.size())) {
    return fail(StatusCode::kInvalidArgument, "{} dense columns (the model was fitted on {})",
                dense.column_count, parts_.features.size());
  }
  const size_t width = parts_.intercepts.size();
  const TargetScale target = parts_.target.in(frame);
  const auto outputs = static_cast<size_t>(output_count());
  const auto count = static_cast<int64_t>(rows.size());
  std::atomic<bool> stopped{false};
  ASSAY_RETURN_IF_ERROR(context.executor->parallel_for(
      chunk_count_of(count, kPredictedRows), [&](int64_t chunk, int) {
        if (context.stop != nullptr && context.stop->requested()) stopped = true;
        if (stopped) return;
        std::vector<double> scores(width);
        const auto [first, last] = chunk_range(count, kPredictedRows, chunk);
        for (auto i = static_cast<size_t>(first); i < static_cast<size_t>(last); ++i) {
          scores = parts_.intercepts;
          const double* w = parts_.coefficients.data();
          for (const float x : dense.row(rows[i])) {
            for (size_t k = 0; k < width; ++k) scores[k] += double{x} * w[k];
            w += width;
          }
          predictions_of(parts_.link, target, scores, out.subspan(i * outputs, outputs));
        }
      }));
  if (stopped) return fail(StatusCode::kCancelled, "stopped while predicting");
  return {};
}

Status LinearModel::do_explain(const FeatureView& features, std::span<const uint32_t> rows,
                               const kernels::ComputeContext& context, ExplainedScale scale,
                               std::span<double> out) const {
  ASSAY_ASSIGN_OR_RETURN(const DenseView dense, features.dense(context));
  if (dense.column_count != static_cast<int32_t>(parts_.features.size())) {
    return fail(StatusCode::kInvalidArgument, "{} dense columns (the model was fitted on {})",
                dense.column_count, parts_.features.size());
  }
  const size_t width = parts_.intercepts.size();
  const auto feature_total = static_cast<size_t>(parts_.feature_count);
  std::vector<double> scores(width * (feature_total + 1));
  const size_t row_size = out.size() / rows.size();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (context.stop != nullptr && context.stop->requested()) {
      return fail(StatusCode::kCancelled, "stopped while explaining");
    }
    std::fill(scores.begin(), scores.end(), 0.0);
    const std::span<const float> row = dense.row(rows[i]);
    for (size_t k = 0; k < width; ++k) {
      double* score = scores.data() + k * (feature_total + 1);
      for (size_t c = 0; c < row.size(); ++c) {
        score[parts_.features[c]] += double{row[c]} * parts_.coefficients[c * width + k];
      }
      score[feature_total] = parts_.intercepts[k];
    }
    const auto to = scale == ExplainedScale::kScores ? explain_scores : explain_predictions;
    to(parts_.link, parts_.target, scores, out.subspan(i * row_size, row_size),
       parts_.feature_count);
  }
  return {};
}

}  // namespace assay::automl
