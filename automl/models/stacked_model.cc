#include "automl/models/stacked_model.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "kernels/exact_math.h"

namespace assay::automl {
namespace {

constexpr double kSmallest = 1e-15;

double log_of(double p) { return kernels::exact_log(std::clamp(p, kSmallest, 1.0)); }

}  // namespace

double log_chance(float p) { return log_of(static_cast<double>(p)); }

void soften(std::span<const double> scores, std::span<float> out) {
  const std::vector<double> shares = softmax_of(scores);
  for (size_t k = 0; k < out.size(); ++k) out[k] = static_cast<float>(shares[k]);
}

Result<std::unique_ptr<Model>> StackedModel::make(Parts parts) {
  const size_t given = parts.members.size();
  if (given != parts.weights.size()) {
    return fail(StatusCode::kInvalidArgument, "stack of {} models with {} weights", given,
                parts.weights.size());
  }
  Parts kept;
  kept.bias = parts.bias;
  for (size_t i = 0; i < given; ++i) {
    if (!(parts.weights[i] >= 0) || !std::isfinite(parts.weights[i])) {
      return fail(StatusCode::kInvalidArgument, "weight of model {} is {} (must be >= 0)", i,
                  parts.weights[i]);
    }
    if (parts.weights[i] == 0) continue;
    kept.members.push_back(std::move(parts.members[i]));
    kept.weights.push_back(parts.weights[i]);
  }
  if (kept.members.empty()) {
    return fail(StatusCode::kInvalidArgument, "none of {} models has a weight", given);
  }
  for (const auto& member : kept.members) {
    if (member->output_count() == kept.members[0]->output_count() &&
        member->feature_count() == kept.members[0]->feature_count()) {
      continue;
    }
    return fail(StatusCode::kInvalidArgument,
                "stack of models with {} and {} outputs, {} and {} features (must be equal)",
                kept.members[0]->output_count(), member->output_count(),
                kept.members[0]->feature_count(), member->feature_count());
  }
  const bool classes = kept.members[0]->output_count() > 1;
  if (!std::isfinite(kept.bias) || (classes && kept.bias != 0)) {
    return fail(StatusCode::kInvalidArgument, "a stack with the constant {}", kept.bias);
  }
  return std::unique_ptr<Model>(new StackedModel(std::move(kept)));
}

Result<std::unique_ptr<Model>> StackedModel::load(const ModelReader& reader, int depth) {
  Parts parts;
  ASSAY_ASSIGN_OR_RETURN(parts.weights, reader.tensor<double>("weights"));
  ASSAY_ASSIGN_OR_RETURN(const auto bias, reader.tensor<double>("bias", 1));
  parts.bias = bias[0];
  for (size_t i = 0; i < parts.weights.size(); ++i) {
    if (!(parts.weights[i] > 0)) return reader.damaged("a weight is not positive");
    ASSAY_ASSIGN_OR_RETURN(std::unique_ptr<Model> member,
                           load_model(reader.child("members").child(std::to_string(i)), depth));
    parts.members.push_back(std::move(member));
  }
  auto model = make(std::move(parts));
  if (!model) return reader.damaged(model.error().message);
  return model;
}

void StackedModel::save(ModelWriter& writer) const {
  writer.put_tensor("weights", std::span<const double>(parts_.weights));
  writer.put_tensor("bias", std::span<const double>(&parts_.bias, 1));
  for (size_t i = 0; i < parts_.members.size(); ++i) {
    ModelWriter member = writer.child("members").child(std::to_string(i));
    save_model(*parts_.members[i], member);
  }
}

int64_t StackedModel::byte_count() const {
  auto bytes = static_cast<int64_t>(sizeof *this + parts_.weights.size() * sizeof(double));
  for (const auto& member : parts_.members) bytes += member->byte_count();
  return bytes;
}

void StackedModel::mark_binned(std::span<uint8_t> used) const {
  for (const auto& member : parts_.members) member->mark_binned(used);
}

void StackedModel::keep_prepared() const {
  for (const auto& member : parts_.members) member->keep_prepared();
}

double StackedModel::weight_sum() const {
  double sum = 0;
  for (const double weight : parts_.weights) sum += weight;
  return sum;
}

std::vector<double> StackedModel::feature_importance() const {
  std::vector<double> importance(static_cast<size_t>(feature_count()), 0.0);
  double sum = 0;
  for (size_t i = 0; i < parts_.members.size(); ++i) {
    const std::vector<double> part = parts_.members[i]->feature_importance();
    for (size_t f = 0; f < importance.size(); ++f) {
      importance[f] += parts_.weights[i] * part[f];
      sum += parts_.weights[i] * part[f];
    }
  }
  if (sum > 0) {
    for (double& value : importance) value /= sum;
  }
  return importance;
}

std::optional<Link> StackedModel::score_link() const {
  const std::optional<Link> link = parts_.members[0]->score_link();
  if (link != Link::kLogistic && link != Link::kSoftmax && link != Link::kIdentity) {
    return std::nullopt;
  }
  for (const auto& member : parts_.members) {
    if (member->score_link() != link) return std::nullopt;
  }
  return link;
}

Status StackedModel::do_predict(const FeatureView& features, std::span<const uint32_t> rows,
                                const kernels::ComputeContext& context, std::span<float> out,
                                const TargetScale& frame) const {
  const auto columns = static_cast<size_t>(output_count());
  // Values are offset + scale * number: what the weights add to the offset goes into the constant.
  const double bias =
      columns > 1 ? 0 : (parts_.bias + (weight_sum() - 1) * frame.offset) / frame.scale;
  std::vector<double> sums(out.size(), bias);
  std::vector<float> part(out.size());
  for (size_t i = 0; i < parts_.members.size(); ++i) {
    ASSAY_RETURN_IF_ERROR(parts_.members[i]->predict(features, rows, context, part, frame));
    for (size_t j = 0; j < sums.size(); ++j) {
      sums[j] += parts_.weights[i] * (columns > 1 ? log_chance(part[j]) : double{part[j]});
    }
  }
  if (columns == 1) {
    for (size_t j = 0; j < sums.size(); ++j) out[j] = to_f32(sums[j]);
    return {};
  }
  for (size_t begin = 0; begin < sums.size(); begin += columns) {
    soften(std::span(sums).subspan(begin, columns), out.subspan(begin, columns));
  }
  return {};
}

Status StackedModel::do_explain(const FeatureView& features, std::span<const uint32_t> rows,
                                const kernels::ComputeContext& context, ExplainedScale scale,
                                std::span<double> out) const {
  if (output_count() > 1 && scale == ExplainedScale::kPredictions) {
    return explain_pool(features, rows, context, out);
  }
  std::fill(out.begin(), out.end(), 0.0);
  std::vector<double> part(out.size());
  for (size_t i = 0; i < parts_.members.size(); ++i) {
    ASSAY_RETURN_IF_ERROR(parts_.members[i]->explain(features, rows, context, scale, part));
    for (size_t j = 0; j < out.size(); ++j) out[j] += parts_.weights[i] * part[j];
  }
  const size_t stride = static_cast<size_t>(feature_count()) + 1;
  for (size_t at = stride - 1; at < out.size(); at += stride) out[at] += parts_.bias;
  return {};
}

Status StackedModel::explain_pool(const FeatureView& features, std::span<const uint32_t> rows,
                                  const kernels::ComputeContext& context,
                                  std::span<double> out) const {
  const auto outputs = static_cast<size_t>(output_count());
  const size_t stride = static_cast<size_t>(feature_count()) + 1;
  const double sum = weight_sum();
  std::fill(out.begin(), out.end(), 0.0);
  std::vector<double> bases(rows.size() * outputs, 0.0);  // scores
  std::vector<double> ends(bases.size(), 0.0);
  std::vector<double> part(out.size());
  for (size_t i = 0; i < parts_.members.size(); ++i) {
    const double weight = parts_.weights[i];
    ASSAY_RETURN_IF_ERROR(
        parts_.members[i]->explain(features, rows, context, ExplainedScale::kPredictions, part));
    for (size_t cell = 0; cell < bases.size(); ++cell) {
      double predicted = 0;
      for (size_t f = 0; f < stride; ++f) {
        out[cell * stride + f] += weight / sum * part[cell * stride + f];
        predicted += part[cell * stride + f];
      }
      bases[cell] += weight * log_of(part[cell * stride + stride - 1]);
      ends[cell] += weight * log_of(predicted);
    }
  }
  for (size_t row = 0; row < rows.size(); ++row) {
    const size_t at = row * outputs;
    stretch(out.subspan(at * stride, outputs * stride),
            softmax_of(std::span(bases).subspan(at, outputs)),
            softmax_of(std::span(ends).subspan(at, outputs)));
  }
  return {};
}

}  // namespace assay::automl
