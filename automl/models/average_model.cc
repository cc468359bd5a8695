#include "automl/models/average_model.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

namespace assay::automl {
namespace {

// Whether members of `rest` in weights cannot change what the sums of the others' probabilities
// decide, rounding included. If so the sums become some that decide alike. A member's probabilities
// sum to 1 within f32, so what is left goes to one class at worst.
bool decide_average(double threshold, double rest, std::span<double> sums) {
  constexpr double kApart = 0x1p-18;
  if (sums.size() == 2) {
    const double total = sums[0] + sums[1] + rest;
    if (sums[1] > (threshold + kApart) * total) {
      sums[0] += rest;
      return true;
    }
    if (sums[1] + rest < (threshold - kApart) * total) {
      sums[1] += rest;
      return true;
    }
    return false;
  }
  const auto best = static_cast<size_t>(std::max_element(sums.begin(), sums.end()) - sums.begin());
  for (size_t k = 0; k < sums.size(); ++k) {
    if (k != best && !(sums[k] + rest + kApart < sums[best])) return false;
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<Model>> AverageModel::make(std::vector<std::shared_ptr<const Model>> members,
                                                  std::vector<double> weights) {
  if (members.empty() || members.size() != weights.size()) {
    return fail(StatusCode::kInvalidArgument, "average of {} models with {} weights",
                members.size(), weights.size());
  }
  double sum = 0;
  for (size_t i = 0; i < members.size(); ++i) {
    if (!(weights[i] >= 0) || !std::isfinite(weights[i])) {
      return fail(StatusCode::kInvalidArgument, "weight of model {} is {} (must be >= 0)", i,
                  weights[i]);
    }
    if (members[i]->output_count() != members[0]->output_count() ||
        members[i]->feature_count() != members[0]->feature_count()) {
      return fail(StatusCode::kInvalidArgument,
                  "average of models with {} and {} outputs, {} and {} features (must be equal)",
                  members[0]->output_count(), members[i]->output_count(),
                  members[0]->feature_count(), members[i]->feature_count());
    }
    sum += weights[i];
  }
  if (!(sum > 0) || !std::isfinite(sum)) {
    return fail(StatusCode::kInvalidArgument, "the weights of {} models sum to {}", members.size(),
                sum);
  }
  std::vector<std::shared_ptr<const Model>> kept;
  std::vector<double> shares;
  for (size_t i = 0; i < members.size(); ++i) {
    if (weights[i] == 0) continue;
    kept.push_back(std::move(members[i]));
    shares.push_back(weights[i] / sum);
  }
  return std::unique_ptr<Model>(new AverageModel(std::move(kept), std::move(shares)));
}

Result<std::unique_ptr<Model>> AverageModel::make(
    std::vector<std::shared_ptr<const Model>> members) {
  std::vector<double> weights(members.size(), 1.0);
  return make(std::move(members), std::move(weights));
}

Result<std::unique_ptr<Model>> AverageModel::load(const ModelReader& reader, int depth) {
  ASSAY_ASSIGN_OR_RETURN(std::vector<double> weights, reader.tensor<double>("weights"));
  std::vector<std::shared_ptr<const Model>> members;
  double sum = 0;
  for (const double weight : weights) sum += weight;
  if (!(std::abs(sum - 1) < 1e-6)) return reader.damaged("the weights do not sum to 1");
  for (size_t i = 0; i < weights.size(); ++i) {
    if (!(weights[i] > 0)) return reader.damaged("a weight is not positive");
    ASSAY_ASSIGN_OR_RETURN(std::unique_ptr<Model> member,
                           load_model(reader.child("members").child(std::to_string(i)), depth));
    members.push_back(std::move(member));
  }
  auto model = make(members, weights);
  if (!model) return reader.damaged(model.error().message);
  // As they were saved: scaling a second time could change the last bit.
  static_cast<AverageModel&>(**model).weights_ = std::move(weights);
  return model;
}

int64_t AverageModel::byte_count() const {
  int64_t bytes = static_cast<int64_t>(sizeof *this + weights_.size() * sizeof(double));
  for (const auto& member : members_) bytes += member->byte_count();
  return bytes;
}

void AverageModel::mark_binned(std::span<uint8_t> used) const {
  for (const auto& member : members_) member->mark_binned(used);
}

int64_t AverageModel::refit_steps() const {
  int64_t sum = 0;
  for (const auto& member : members_) {
    const int64_t steps = member->refit_steps();
    if (steps == 0) return 0;
    sum += steps;
  }
  const int64_t count = std::ssize(members_);
  return (sum + count - 1) / count;
}

void AverageModel::keep_prepared() const {
  for (const auto& member : members_) member->keep_prepared();
}

std::vector<double> AverageModel::feature_importance() const {
  std::vector<double> importance(static_cast<size_t>(feature_count()), 0.0);
  double sum = 0;
  for (size_t i = 0; i < members_.size(); ++i) {
    const std::vector<double> part = members_[i]->feature_importance();
    for (size_t f = 0; f < importance.size(); ++f) {
      importance[f] += weights_[i] * part[f];
      sum += weights_[i] * part[f];
    }
  }
  if (sum > 0) {
    for (double& value : importance) value /= sum;
  }
  return importance;
}

void AverageModel::save(ModelWriter& writer) const {
  writer.put_tensor("weights", std::span<const double>(weights_));
  for (size_t i = 0; i < members_.size(); ++i) {
    ModelWriter member = writer.child("members").child(std::to_string(i));
    save_model(*members_[i], member);
  }
}

Status AverageModel::do_predict(const FeatureView& features, std::span<const uint32_t> rows,
                                const kernels::ComputeContext& context, std::span<float> out,
                                const TargetScale& frame) const {
  std::vector<double> sums(out.size(), 0.0);
  std::vector<float> part(out.size());
  for (size_t i = 0; i < members_.size(); ++i) {
    ASSAY_RETURN_IF_ERROR(members_[i]->predict(features, rows, context, part, frame));
    for (size_t j = 0; j < sums.size(); ++j) sums[j] += weights_[i] * double{part[j]};
  }
  for (size_t j = 0; j < sums.size(); ++j) out[j] = to_f32(sums[j]);
  return {};
}

Status AverageModel::do_decide(const FeatureView& features, std::span<const uint32_t> rows,
                               const kernels::ComputeContext& context, double threshold,
                               std::span<float> out) const {
  const auto width = static_cast<size_t>(output_count());
  std::vector<double> sums(out.size(), 0.0);
  std::vector<size_t> places(rows.size());  // of the undecided rows
  std::iota(places.begin(), places.end(), size_t{0});
  std::vector<uint32_t> left(rows.begin(), rows.end());
  std::vector<float> part(out.size());
  for (size_t i = 0; i < members_.size() && !left.empty(); ++i) {
    const std::span<float> own = std::span(part).first(left.size() * width);
    ASSAY_RETURN_IF_ERROR(members_[i]->predict(features, left, context, own));
    double rest = 0;
    for (size_t m = i + 1; m < members_.size(); ++m) rest += weights_[m];
    size_t kept = 0;
    for (size_t r = 0; r < left.size(); ++r) {
      const std::span<double> row = std::span(sums).subspan(places[r] * width, width);
      for (size_t k = 0; k < width; ++k) row[k] += weights_[i] * double{own[r * width + k]};
      if (rest > 0 && decide_average(threshold, rest, row)) continue;
      places[kept] = places[r];
      left[kept++] = left[r];
    }
    places.resize(kept);
    left.resize(kept);
  }
  for (size_t j = 0; j < sums.size(); ++j) out[j] = to_f32(sums[j]);
  return {};
}

std::optional<Link> AverageModel::score_link() const {
  const std::optional<Link> link = members_[0]->score_link();
  for (const auto& member : members_) {
    if (member->score_link() != link) return std::nullopt;
  }
  return link;
}

Status AverageModel::do_explain(const FeatureView& features, std::span<const uint32_t> rows,
                                const kernels::ComputeContext& context, ExplainedScale scale,
                                std::span<double> out) const {
  std::fill(out.begin(), out.end(), 0.0);
  std::vector<double> part(out.size());
  for (size_t i = 0; i < members_.size(); ++i) {
    ASSAY_RETURN_IF_ERROR(members_[i]->explain(features, rows, context, scale, part));
    for (size_t j = 0; j < out.size(); ++j) out[j] += weights_[i] * part[j];
  }
  return {};
}

Result<std::shared_ptr<const Model>> average_of(std::vector<std::shared_ptr<const Model>> models) {
  if (models.size() == 1) return std::move(models.front());
  ASSAY_ASSIGN_OR_RETURN(std::shared_ptr<const Model> average,
                         AverageModel::make(std::move(models)));
  return average;
}

}  // namespace assay::automl
