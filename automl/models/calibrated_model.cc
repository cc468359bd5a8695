#include "automl/models/calibrated_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/exact_math.h"

namespace assay::automl {
namespace {

// The probabilities of one row, to the power, relative to the greatest.
template <class T>
void sharpen_row(std::span<T> row, double power) {
  const double most = static_cast<double>(*std::max_element(row.begin(), row.end()));
  if (!(most > 0)) return;
  double sum = 0;
  std::vector<double> shares(row.size(), 0.0);
  for (size_t k = 0; k < row.size(); ++k) {
    const auto p = static_cast<double>(row[k]);
    if (p > 0) shares[k] = kernels::exact_exp(power * kernels::exact_log(p / most));
    sum += shares[k];
  }
  for (size_t k = 0; k < row.size(); ++k) row[k] = static_cast<T>(shares[k] / sum);
}

}  // namespace

void sharpen(std::span<float> probabilities, int64_t columns, double power) {
  const auto width = static_cast<size_t>(columns);
  for (size_t begin = 0; begin + width <= probabilities.size(); begin += width) {
    sharpen_row(probabilities.subspan(begin, width), power);
  }
}

Result<std::unique_ptr<Model>> CalibratedModel::make(std::shared_ptr<const Model> model,
                                                     double power) {
  if (!(power >= kLeastPower && power <= kMostPower) || model->output_count() < 2) {
    return fail(StatusCode::kInvalidArgument, "a power of {} for {} probabilities (must be {}..{})",
                power, model->output_count(), kLeastPower, kMostPower);
  }
  return std::unique_ptr<Model>(new CalibratedModel(std::move(model), power));
}

Result<std::unique_ptr<Model>> CalibratedModel::load(const ModelReader& reader, int depth) {
  ASSAY_ASSIGN_OR_RETURN(const double power, reader.number("power"));
  ASSAY_ASSIGN_OR_RETURN(std::shared_ptr<const Model> model,
                         load_model(reader.child("model"), depth));
  auto made = make(std::move(model), power);
  if (!made) return reader.damaged(made.error().message);
  return made;
}

void CalibratedModel::save(ModelWriter& writer) const {
  writer.put_number("power", power_);
  ModelWriter model = writer.child("model");
  save_model(*model_, model);
}

Status CalibratedModel::do_predict(const FeatureView& features, std::span<const uint32_t> rows,
                                   const kernels::ComputeContext& context, std::span<float> out,
                                   const TargetScale& frame) const {
  ASSAY_RETURN_IF_ERROR(model_->predict(features, rows, context, out, frame));
  constexpr int64_t kChunkRows = 4096;
  const auto width = static_cast<size_t>(output_count());
  const auto count = static_cast<int64_t>(rows.size());
  return context.executor->parallel_for(chunk_count_of(count, kChunkRows), [&](int64_t chunk, int) {
    const auto [begin, end] = chunk_range(count, kChunkRows, chunk);
    sharpen(
        out.subspan(static_cast<size_t>(begin) * width, static_cast<size_t>(end - begin) * width),
        output_count(), power_);
  });
}

Status CalibratedModel::do_explain(const FeatureView& features, std::span<const uint32_t> rows,
                                   const kernels::ComputeContext& context, ExplainedScale scale,
                                   std::span<double> out) const {
  ASSAY_RETURN_IF_ERROR(model_->explain(features, rows, context, scale, out));
  if (scale == ExplainedScale::kScores) {
    for (double& value : out) value *= power_;
    return {};
  }
  const auto outputs = static_cast<size_t>(output_count());
  const auto stride = static_cast<size_t>(feature_count()) + 1;
  std::vector<double> bases(outputs);
  std::vector<double> predicted(outputs);
  for (size_t row = 0; row < rows.size(); ++row) {
    const std::span<double> all = out.subspan(row * outputs * stride, outputs * stride);
    std::vector<double> before(outputs);
    for (size_t k = 0; k < outputs; ++k) {
      bases[k] = std::max(all[k * stride + stride - 1], 0.0);
      predicted[k] = 0;
      for (size_t f = 0; f < stride; ++f) predicted[k] += all[k * stride + f];
      before[k] = predicted[k] - all[k * stride + stride - 1];
      predicted[k] = std::max(predicted[k], 0.0);
    }
    sharpen_row(std::span<double>(bases), power_);
    sharpen_row(std::span<double>(predicted), power_);
    for (size_t k = 0; k < outputs; ++k) {
      const double moved = predicted[k] - bases[k];
      // Nothing to stretch: what the power alone moves is the base's.
      const bool stretches = std::abs(before[k]) > 1e-12;
      const double factor = stretches ? moved / before[k] : 0;
      for (size_t f = 0; f + 1 < stride; ++f) all[k * stride + f] *= factor;
      all[k * stride + stride - 1] = stretches ? bases[k] : predicted[k];
    }
  }
  return {};
}

}  // namespace assay::automl
