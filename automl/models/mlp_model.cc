#include "automl/models/mlp_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/status_loop.h"

namespace assay::automl {
namespace {

// Of a thread's pass in prediction, and its rows.
constexpr int64_t kPassFloats = 1 << 20;
constexpr int64_t kMostRows = 256;
// Passes that reuse a thread's room.
constexpr int64_t kChunksAThread = 4;
constexpr int64_t kMostReused = 16;
// Points of a path.
constexpr float kPointsATurn = 8;
constexpr float kFewestPoints = 32;
constexpr float kMostPoints = 256;

bool within(std::span<const float> values, float most) {
  return std::all_of(values.begin(), values.end(), [&](float v) { return std::abs(v) <= most; });
}

}  // namespace

Result<std::unique_ptr<Model>> MlpModel::make(Parts parts) {
  ASSAY_RETURN_IF_ERROR(parts.shape.check());
  const size_t wanted = MlpLayout(parts.shape).size;
  const bool one_score = takes_one_score(parts.link);
  if (one_score != (parts.shape.scores == 1) || parts.link == Link::kShare ||
      parts.parameters.size() != wanted ||
      parts.features.size() != static_cast<size_t>(parts.shape.columns)) {
    return fail(StatusCode::kInvalidArgument,
                "network of {} scores, {} parameters (must be {}) and link {}: they do not fit",
                parts.shape.scores, parts.parameters.size(), wanted, name_of(parts.link));
  }
  for (const int32_t feature : parts.features) {
    if (feature < 0 || feature >= parts.feature_count) {
      return fail(StatusCode::kInvalidArgument, "network on feature {} (must be below {})", feature,
                  parts.feature_count);
    }
  }
  const bool measured = std::all_of(parts.importance.begin(), parts.importance.end(),
                                    [](double v) { return v >= 0 && v <= 1; });
  if (!measured || parts.importance.size() != static_cast<size_t>(parts.feature_count) ||
      parts.epochs < 1) {
    return fail(StatusCode::kInvalidArgument,
                "network of {} epochs with the importance of {} features (must be {}, of 0 to 1)",
                parts.epochs, parts.importance.size(), parts.feature_count);
  }
  if (!within(parts.parameters, kMostParameter) || !std::isfinite(parts.target.offset) ||
      !std::isfinite(parts.target.scale)) {
    return fail(StatusCode::kInvalidArgument, "network with parameters beyond {}", kMostParameter);
  }
  return std::unique_ptr<Model>(new MlpModel(std::move(parts)));
}

Result<std::unique_ptr<Model>> MlpModel::load(const ModelReader& reader) {
  Parts parts;
  ASSAY_ASSIGN_OR_RETURN(const int64_t features, reader.integer("feature_count", 0, INT32_MAX));
  parts.feature_count = static_cast<int32_t>(features);
  ASSAY_ASSIGN_OR_RETURN(const int64_t scores, reader.integer("scores", 1, INT32_MAX));
  parts.shape.scores = static_cast<int32_t>(scores);
  ASSAY_ASSIGN_OR_RETURN(parts.shape.widths, reader.tensor<int32_t>("widths"));
  ASSAY_ASSIGN_OR_RETURN(parts.shape.wave_columns, reader.tensor<int32_t>("wave_columns"));
  ASSAY_ASSIGN_OR_RETURN(parts.features, reader.tensor<int32_t>("features"));
  parts.shape.columns = static_cast<int32_t>(parts.features.size());
  ASSAY_ASSIGN_OR_RETURN(parts.parameters, reader.tensor<float>("parameters"));
  ASSAY_ASSIGN_OR_RETURN(parts.importance, reader.tensor<double>("importance"));
  ASSAY_ASSIGN_OR_RETURN(parts.epochs, reader.integer("epochs", 1, INT64_MAX));
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

void MlpModel::save(ModelWriter& writer) const {
  writer.put_integer("feature_count", parts_.feature_count);
  writer.put_integer("scores", parts_.shape.scores);
  writer.put_integer("epochs", parts_.epochs);
  writer.put_tensor("importance", std::span<const double>(parts_.importance));
  writer.put_text("link", name_of(parts_.link));
  writer.put_tensor("widths", std::span<const int32_t>(parts_.shape.widths));
  writer.put_tensor("wave_columns", std::span<const int32_t>(parts_.shape.wave_columns));
  writer.put_tensor("features", std::span<const int32_t>(parts_.features));
  writer.refer_tensor("parameters", std::span<const float>(parts_.parameters));
  const double target[] = {parts_.target.offset, parts_.target.scale};
  writer.put_tensor("target", std::span<const double>(target));
}

int64_t MlpModel::byte_count() const {
  const size_t integers =
      parts_.features.size() + parts_.shape.widths.size() + parts_.shape.wave_columns.size();
  return static_cast<int64_t>(
      sizeof *this + parts_.parameters.size() * sizeof(float) + integers * sizeof(int32_t) +
      parts_.importance.size() * sizeof(double) + layout_.layers.size() * sizeof(MlpLayout::Layer));
}

Result<DenseView> MlpModel::dense_of(const FeatureView& features,
                                     const kernels::ComputeContext& context) const {
  ASSAY_ASSIGN_OR_RETURN(const DenseView dense, features.dense(context));
  if (dense.column_count == parts_.shape.columns) return dense;
  return fail(StatusCode::kInvalidArgument, "{} dense columns (the model was fitted on {})",
              dense.column_count, parts_.shape.columns);
}

Status MlpModel::do_predict(const FeatureView& features, std::span<const uint32_t> rows,
                            const kernels::ComputeContext& context, std::span<float> out,
                            const TargetScale& frame) const {
  ASSAY_ASSIGN_OR_RETURN(const DenseView dense, dense_of(features, context));
  const TargetScale target = parts_.target.in(frame);
  const auto outputs = static_cast<size_t>(output_count());
  const auto count = static_cast<int64_t>(rows.size());
  const int64_t at_once =
      std::clamp<int64_t>(kPassFloats / MlpNetwork::floats_of_row(parts_.shape), 1, kMostRows);
  // Several passes reuse one's room, as long as each thread has some to take.
  const int64_t passes = chunk_count_of(count, at_once);
  const int64_t wanted_chunks = kChunksAThread * context.executor->thread_count();
  const int64_t reused = std::clamp<int64_t>(passes / wanted_chunks, 1, kMostReused);
  return kernels::for_each_chunk(
      *context.executor, chunk_count_of(passes, reused), [&](int64_t chunk) -> Status {
        MlpPass pass;
        const auto [first, last] = chunk_range(passes, reused, chunk);
        for (int64_t at = first; at < last; ++at) {
          if (context.stop != nullptr && context.stop->requested()) {
            return fail(StatusCode::kCancelled, "stopped while predicting");
          }
          const auto [begin, end] = chunk_range(count, at_once, at);
          const auto from = static_cast<size_t>(begin);
          const auto size = static_cast<size_t>(end - begin);
          MlpNetwork::gather(dense, rows.subspan(from, size), pass);
          SerialExecutor serial;
          ASSAY_RETURN_IF_ERROR(network_.score(context, serial, pass));
          write_predictions(target, pass, out.subspan(from * outputs, size * outputs));
        }
        return {};
      });
}

void MlpModel::write_predictions(const TargetScale& target, const MlpPass& pass,
                                 std::span<float> out) const {
  const auto width = static_cast<size_t>(parts_.shape.scores);
  const auto outputs = static_cast<size_t>(output_count());
  std::vector<double> scores(width);
  for (size_t i = 0; i < pass.rows; ++i) {
    for (size_t k = 0; k < width; ++k) scores[k] = double{pass.scores[i * width + k]};
    predictions_of(parts_.link, target, scores, out.subspan(i * outputs, outputs));
  }
}

Status MlpModel::contributions(std::span<const float> row, std::span<const float> turned,
                               const kernels::ComputeContext& context, MlpPass& pass,
                               std::span<double> scores) const {
  const size_t columns = row.size();
  const auto width = static_cast<size_t>(parts_.shape.scores);
  const auto stride = static_cast<size_t>(parts_.feature_count) + 1;
  float turns = 0;
  for (size_t w = 0; w < parts_.shape.wave_columns.size(); ++w) {
    const float* frequencies = parts_.parameters.data() + layout_.frequencies + w * kWaves;
    float fastest = 0;
    for (int32_t i = 0; i < kWaves; ++i) fastest = std::max(fastest, std::abs(frequencies[i]));
    const auto column = static_cast<size_t>(parts_.shape.wave_columns[w]);
    turns = std::max(turns, fastest * std::abs(row[column]));
  }
  const auto points =
      static_cast<size_t>(std::clamp(kPointsATurn * turns, kFewestPoints, kMostPoints));
  // The middles of the parts of the line from zeros to the row; then its two ends.
  pass.rows = points + 2;
  pass.dense.resize(pass.rows * columns);
  for (size_t point = 0; point < pass.rows; ++point) {
    const float share = point < points
                            ? (static_cast<float>(point) + 0.5F) / static_cast<float>(points)
                            : static_cast<float>(point - points);
    for (size_t c = 0; c < columns; ++c) {
      pass.dense[point * columns + c] =
          share * std::clamp(row[c], -kMostActivation, kMostActivation);
    }
  }
  SerialExecutor serial;
  ASSAY_RETURN_IF_ERROR(network_.forward(context, serial, pass));
  const std::vector<float> ends(pass.scores.end() - static_cast<std::ptrdiff_t>(2 * width),
                                pass.scores.end());
  std::vector<float> slopes(pass.rows * columns);
  std::fill(scores.begin(), scores.end(), 0.0);
  for (size_t k = 0; k < width; ++k) {
    pass.upstream.assign(pass.rows * width, 0.0F);
    for (size_t point = 0; point < points; ++point) pass.upstream[point * width + k] = 1;
    ASSAY_RETURN_IF_ERROR(network_.backward(context, serial, turned, pass, {}, slopes));
    const std::span<double> own = scores.subspan(k * stride, stride);
    for (size_t c = 0; c < columns; ++c) {
      double sum = 0;
      for (size_t point = 0; point < points; ++point) {
        sum += double{slopes[point * columns + c]};
      }
      own[static_cast<size_t>(parts_.features[c])] +=
          double{pass.dense[(points + 1) * columns + c]} * (sum / static_cast<double>(points));
    }
    double total = 0;
    double sizes = 0;
    for (size_t f = 0; f + 1 < stride; ++f) {
      total += own[f];
      sizes += std::abs(own[f]);
    }
    const double missing = double{ends[width + k]} - double{ends[k]} - total;
    own[stride - 1] = double{ends[k]} + (sizes > 0 ? 0.0 : missing);
    for (size_t f = 0; f + 1 < stride && sizes > 0; ++f) {
      own[f] += missing * (std::abs(own[f]) / sizes);
    }
  }
  return {};
}

Status MlpModel::do_explain(const FeatureView& features, std::span<const uint32_t> rows,
                            const kernels::ComputeContext& context, ExplainedScale scale,
                            std::span<double> out) const {
  ASSAY_ASSIGN_OR_RETURN(const DenseView dense, dense_of(features, context));
  const auto stride = static_cast<size_t>(parts_.feature_count) + 1;
  const size_t row_size = out.size() / rows.size();
  std::vector<float> turned;
  ASSAY_RETURN_IF_ERROR(network_.turn(*context.executor, turned));
  return kernels::for_each_chunk(
      *context.executor, static_cast<int64_t>(rows.size()), [&](int64_t chunk) -> Status {
        if (context.stop != nullptr && context.stop->requested()) {
          return fail(StatusCode::kCancelled, "stopped while explaining");
        }
        const auto i = static_cast<size_t>(chunk);
        MlpPass pass;
        std::vector<double> scores(static_cast<size_t>(parts_.shape.scores) * stride);
        ASSAY_RETURN_IF_ERROR(contributions(dense.row(rows[i]), turned, context, pass, scores));
        const auto to = scale == ExplainedScale::kScores ? explain_scores : explain_predictions;
        to(parts_.link, parts_.target, scores, out.subspan(i * row_size, row_size),
           parts_.feature_count);
        return {};
      });
}

}  // namespace assay::automl
