#include "automl/models/scores.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "automl/metrics/decision.h"
#include "automl/models/model.h"
#include "kernels/exact_math.h"

namespace assay::automl {
namespace {

constexpr int64_t kChunkRows = 2048;

// In the order of Link.
constexpr std::array<std::string_view, 6> kNames = {"identity", "logistic", "softmax",
                                                    "share",    "log",      "sigmoid"};

void softmax(std::span<const double> scores, std::span<float> out) {
  const double most = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (const double score : scores) sum += kernels::exact_exp(score - most);
  for (size_t k = 0; k < scores.size(); ++k) {
    out[k] = to_f32(kernels::exact_exp(scores[k] - most) / sum);
  }
}

// Shares are scaled to sum to 1: leaves without any weight have none.
void shares(std::span<const double> scores, std::span<float> out) {
  double sum = 0;
  for (const double score : scores) sum += score;
  const auto uniform = 1.0 / static_cast<double>(scores.size());
  for (size_t k = 0; k < scores.size(); ++k) out[k] = to_f32(sum > 0 ? scores[k] / sum : uniform);
}

}  // namespace

std::string_view name_of(Link link) { return kNames[static_cast<size_t>(link)]; }

Result<Link> parse_link(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Link>(i);
  }
  return fail(StatusCode::kInvalidArgument, "unknown link '{}'", name);
}

bool takes_one_score(Link link) { return link != Link::kSoftmax && link != Link::kShare; }

int32_t output_count_of(Link link, int32_t score_count) {
  return link == Link::kLogistic ? 2 : score_count;
}

std::vector<double> softmax_of(std::span<const double> scores) {
  const double most = *std::max_element(scores.begin(), scores.end());
  std::vector<double> shares;
  double sum = 0;
  for (const double score : scores) {
    shares.push_back(kernels::exact_exp(score - most));
    sum += shares.back();
  }
  for (double& share : shares) share /= sum;
  return shares;
}

void predictions_of(Link link, TargetScale target, std::span<const double> scores,
                    std::span<float> out) {
  switch (link) {
    case Link::kIdentity:
      out[0] = to_f32(target.offset + target.scale * scores[0]);
      return;
    case Link::kLog:
      out[0] = to_f32(target.offset + target.scale * kernels::exact_exp(scores[0]));
      return;
    case Link::kSigmoid:
      out[0] = to_f32(target.offset + target.scale * kernels::exact_sigmoid(scores[0]));
      return;
    case Link::kLogistic: {
      const double p = kernels::exact_sigmoid(scores[0]);
      out[0] = to_f32(1.0 - p);
      out[1] = to_f32(p);
      return;
    }
    case Link::kSoftmax:
      softmax(scores, out);
      return;
    case Link::kShare:
      shares(scores, out);
      return;
  }
}

std::optional<kernels::DecisionRule> decision_rule(const ScoreMeaning& meaning, double threshold) {
  constexpr double kApart = 0x1p-20;
  using Kind = kernels::DecisionRule::Kind;
  if (!(meaning.share > 0)) return std::nullopt;
  // Of two scores a threshold weighs one against the other.
  const bool even = meaning.score_count > 2 || threshold == kEvenThreshold;
  switch (meaning.link) {
    case Link::kLogistic: {
      const auto log_odds = [](double p) {
        return std::log(std::max(p, 0.0)) - std::log(std::max(1 - p, 0.0));
      };
      return kernels::DecisionRule{Kind::kSide, log_odds(threshold - kApart) / meaning.share,
                                   log_odds(threshold + kApart) / meaning.share, 0};
    }
    case Link::kSoftmax:
      if (!even) return std::nullopt;
      return kernels::DecisionRule{Kind::kLargest, 0, 0, kApart / meaning.share};
    case Link::kShare:
      if (!even) return std::nullopt;
      return kernels::DecisionRule{Kind::kLargestShare, 0, 0, kApart};
    case Link::kIdentity:
    case Link::kLog:
    case Link::kSigmoid:
      return std::nullopt;
  }
  return std::nullopt;
}

Status predictions_of(const ScoreMeaning& meaning, std::span<const double> sums,
                      std::span<float> out, Executor& executor) {
  const auto width = static_cast<size_t>(meaning.score_count);
  const auto outputs = static_cast<size_t>(output_count_of(meaning.link, meaning.score_count));
  const auto count = static_cast<int64_t>(sums.size() / width);
  return executor.parallel_for(chunk_count_of(count, kChunkRows), [&](int64_t chunk, int) {
    std::vector<double> row(width);
    const auto [first, last] = chunk_range(count, kChunkRows, chunk);
    for (auto r = static_cast<size_t>(first); r < static_cast<size_t>(last); ++r) {
      for (size_t k = 0; k < width; ++k) row[k] = sums[r * width + k] * meaning.share;
      predictions_of(meaning.link, meaning.target, row, out.subspan(r * outputs, outputs));
    }
  });
}

}  // namespace assay::automl
