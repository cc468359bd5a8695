#include "automl/models/contributions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "kernels/exact_math.h"

namespace assay::automl {
namespace {

// Gauss-Legendre points and weights on [0, 1], five of them (Abramowitz and Stegun 25.4.30).
constexpr std::array<double, 5> kPoints = {0.046910077030668, 0.230765344947158, 0.5,
                                           0.769234655052842, 0.953089922969332};
constexpr std::array<double, 5> kWeights = {0.118463442528095, 0.239314335249683, 0.284444444444444,
                                            0.239314335249683, 0.118463442528095};
// A softmax changes within a few units of its scores: a panel takes no more than this.
constexpr double kPanelWidth = 1;
constexpr double kMostPanels = 256;

double sum_of(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

// The link of one score.
double value_at(Link link, TargetScale target, double score) {
  switch (link) {
    case Link::kLog:
      return target.offset + target.scale * kernels::exact_exp(score);
    case Link::kSigmoid:
      return target.offset + target.scale * kernels::exact_sigmoid(score);
    case Link::kLogistic:
      return kernels::exact_sigmoid(score);
    default:
      return target.offset + target.scale * score;
  }
}

void explain_one(Link link, TargetScale target, std::span<const double> scores,
                 std::span<double> out) {
  const size_t features = scores.size() - 1;
  const double base = scores[features];
  const double move = sum_of(scores.first(features));
  const double start = value_at(link, target, base);
  double factor = 0;
  if (std::abs(move) > 1e-6) {
    factor = (value_at(link, target, base + move) - start) / move;
  } else {
    // The slope, by a step that loses no digits.
    constexpr double kStep = 0x1p-10;
    factor =
        (value_at(link, target, base + kStep) - value_at(link, target, base - kStep)) / (2 * kStep);
  }
  for (size_t f = 0; f < features; ++f) out[f] = scores[f] * factor;
  out[features] = start;
}

// slopes[k, c]: the mean of d softmax_k / d score_c on the way from `base` to base + move.
std::vector<double> mean_slopes(std::span<const double> base, std::span<const double> move) {
  const size_t count = base.size();
  const auto [low, high] = std::minmax_element(move.begin(), move.end());
  const double panels = std::clamp(std::ceil((*high - *low) / kPanelWidth), 1.0, kMostPanels);
  std::vector<double> slopes(count * count, 0.0);
  std::vector<double> scores(count);
  for (double panel = 0; panel < panels; ++panel) {
    for (size_t q = 0; q < kPoints.size(); ++q) {
      const double t = (panel + kPoints[q]) / panels;
      for (size_t k = 0; k < count; ++k) scores[k] = base[k] + t * move[k];
      const std::vector<double> p = softmax_of(scores);
      const double weight = kWeights[q] / panels;
      for (size_t k = 0; k < count; ++k) {
        for (size_t c = 0; c < count; ++c) {
          slopes[k * count + c] += weight * p[k] * ((k == c ? 1.0 : 0.0) - p[c]);
        }
      }
    }
  }
  return slopes;
}

void explain_softmax(std::span<const double> scores, std::span<double> out, size_t stride) {
  const size_t count = scores.size() / stride;
  std::vector<double> base;
  std::vector<double> move;
  for (size_t k = 0; k < count; ++k) {
    base.push_back(scores[k * stride + stride - 1]);
    move.push_back(sum_of(scores.subspan(k * stride, stride - 1)));
  }
  const std::vector<double> slopes = mean_slopes(base, move);
  const std::vector<double> start = softmax_of(base);
  for (size_t k = 0; k < count; ++k) {
    for (size_t f = 0; f + 1 < stride; ++f) {
      double value = 0;
      for (size_t c = 0; c < count; ++c) value += slopes[k * count + c] * scores[c * stride + f];
      out[k * stride + f] = value;
    }
    out[k * stride + stride - 1] = start[k];
  }
}

}  // namespace

void explain_predictions(Link link, TargetScale target, std::span<const double> scores,
                         std::span<double> out, int32_t feature_count) {
  const size_t stride = static_cast<size_t>(feature_count) + 1;
  switch (link) {
    case Link::kSoftmax:
      return explain_softmax(scores, out, stride);
    case Link::kShare:
      std::copy(scores.begin(), scores.end(), out.begin());
      return;
    case Link::kLogistic:
      explain_one(link, target, scores, out.subspan(stride));
      for (size_t f = 0; f < stride; ++f) out[f] = -out[stride + f];
      out[stride - 1] += 1;
      return;
    default:
      return explain_one(link, target, scores, out);
  }
}

void stretch(std::span<double> all, std::span<const double> bases, std::span<const double> ends) {
  const size_t stride = all.size() / bases.size();
  for (size_t k = 0; k < bases.size(); ++k) {
    const std::span<double> own = all.subspan(k * stride, stride);
    const double before = sum_of(own.first(stride - 1));
    const bool stretches = std::abs(before) > 1e-12;
    const double factor = stretches ? (ends[k] - bases[k]) / before : 0;
    for (size_t f = 0; f + 1 < stride; ++f) own[f] *= factor;
    own[stride - 1] = stretches ? bases[k] : ends[k];
  }
}

void explain_scores(Link link, TargetScale target, std::span<const double> scores,
                    std::span<double> out, int32_t feature_count) {
  if (link == Link::kIdentity) {
    return explain_predictions(link, target, scores, out, feature_count);
  }
  std::copy(scores.begin(), scores.end(), out.begin());
  // The logarithm of the prediction, where the link has a unit.
  if (link == Link::kLog && target.scale > 0) {
    out[static_cast<size_t>(feature_count)] += kernels::exact_log(target.scale);
  }
}

}  // namespace assay::automl
