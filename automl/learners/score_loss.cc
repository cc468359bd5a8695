#include "automl/learners/score_loss.h"

#include <algorithm>
#include <cmath>

#include "kernels/exact_math.h"

namespace assay::automl {
namespace {

using kernels::Loss;

// Of the distance of the targets' quartiles.
constexpr double kCornerShare = 0.1;
// Where they are one.
constexpr double kLeastCorner = 0.02;
// Scores above are as good as infinite: residuals stay f32.
constexpr double kMostLogMean = 60;

Loss loss_of(Task task, const Aim& aim) {
  if (task == Task::kBinary) return Loss::kLogistic;
  if (task == Task::kMulticlass) return Loss::kSoftmax;
  if (aim.quantile()) return Loss::kQuantile;
  return aim.kind == AimKind::kCount ? Loss::kPoisson : Loss::kSquared;
}

double corner_width(const FitRequest& request, const FitData& data) {
  const double spread = target_quantile(request, data, 0.75) - target_quantile(request, data, 0.25);
  return std::max(kCornerShare * spread, kLeastCorner);
}

}  // namespace

ScoreLoss::ScoreLoss(const FitRequest& request, const FitData& data)
    : request_(request),
      data_(data),
      loss_(loss_of(request.data->task, data.aim)),
      scores_(loss_ == Loss::kSoftmax ? request.data->class_count : 1) {
  if (loss_ == Loss::kQuantile) width_ = corner_width(request, data);
}

std::optional<Loss> ScoreLoss::op_loss() const {
  if (loss_ == Loss::kQuantile) return std::nullopt;
  return loss_;
}

Link ScoreLoss::link() const {
  if (loss_ == Loss::kLogistic) return Link::kLogistic;
  if (loss_ == Loss::kSoftmax) return Link::kSoftmax;
  return loss_ == Loss::kPoisson ? Link::kLog : Link::kIdentity;
}

double ScoreLoss::row(uint32_t row, double weight, std::span<double> scores) const {
  if (loss_ == Loss::kSquared) {
    const double d = scores[0] - data_.targets[row];
    scores[0] = weight * d;
    return weight * (0.5 * (d * d));
  }
  if (loss_ == Loss::kQuantile) {
    const double d = scores[0] - data_.targets[row];
    scores[0] = weight * (kernels::exact_sigmoid(d / width_) - data_.aim.level);
    const double tail = kernels::exact_log(1.0 + kernels::exact_exp(-std::abs(d) / width_));
    return weight * (std::max(d, 0.0) - data_.aim.level * d + width_ * tail);
  }
  if (loss_ == Loss::kPoisson) {
    const double target = data_.targets[row];
    const double score = scores[0];
    const double mean = kernels::exact_exp(std::min(score, kMostLogMean));
    scores[0] = weight * (mean - target);
    return weight * (mean - target * score);
  }
  const int32_t label = request_.data->classes[row];
  if (loss_ == Loss::kLogistic) {
    const double score = scores[0];
    const double margin = label == 1 ? score : -score;
    scores[0] = weight * (kernels::exact_sigmoid(score) - (label == 1 ? 1.0 : 0.0));
    const double tail = kernels::exact_log(1.0 + kernels::exact_exp(-std::abs(margin)));
    return weight * (tail + std::max(-margin, 0.0));
  }
  const double most = *std::max_element(scores.begin(), scores.end());
  const double own = scores[static_cast<size_t>(label)];
  double sum = 0;
  for (double& score : scores) {
    score = kernels::exact_exp(score - most);
    sum += score;
  }
  const double loss = kernels::exact_log(sum) + most - own;
  for (double& score : scores) score = weight * (score / sum);
  scores[static_cast<size_t>(label)] -= weight;
  return weight * loss;
}

}  // namespace assay::automl
