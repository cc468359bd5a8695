// From scores to predictions: what a model's sums mean. In doubles, by exact_math's exp, so the
// bits are the same on every machine.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "automl/metrics/target_scale.h"
#include "kernels/base/executor.h"
#include "kernels/base/status.h"
#include "kernels/early_exit.h"

namespace assay::automl {

// How scores become predictions.
enum class Link : uint8_t {
  kIdentity,  // value = offset + scale * score, by a TargetScale
  kLogistic,  // one score; probabilities (1 - p, p), p = 1 / (1 + e^-score)
  kSoftmax,   // a score a class
  kShare,     // scores are probabilities but for their sum
  kLog,       // value = offset + scale * e^score
  kSigmoid,   // value = offset + scale / (1 + e^-score)
};

std::string_view name_of(Link link);
Result<Link> parse_link(std::string_view name);

// Whether it has one score a row; the others have at least two.
bool takes_one_score(Link link);

// Columns of predictions for so many scores: one more for kLogistic.
int32_t output_count_of(Link link, int32_t score_count);

// e^(score - the largest), over the sum of those. `scores` is not empty.
std::vector<double> softmax_of(std::span<const double> scores);

// Predictions of one row: out [output_count_of(link, scores.size())]. Scores must be finite.
void predictions_of(Link link, TargetScale target, std::span<const double> scores,
                    std::span<float> out);

// Predictions of many rows: `sums` [rows, score_count] times `share` are their scores.
struct ScoreMeaning {
  Link link = Link::kIdentity;
  TargetScale target;
  int32_t score_count = 1;
  double share = 1;
};
// When a row's sums decide for a class, whatever rounds their probabilities (decide_class by the
// threshold); nothing where that is not known from bounds of single sums. A decided row's
// probabilities are apart by 2^-20 at least, a few times what rounding to f32 and the approximation
// of exp move them.
std::optional<kernels::DecisionRule> decision_rule(const ScoreMeaning& meaning, double threshold);
Status predictions_of(const ScoreMeaning& meaning, std::span<const double> sums,
                      std::span<float> out, Executor& executor);

}  // namespace assay::automl
