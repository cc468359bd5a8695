// What each feature contributes to predictions: Shapley values, and how those of scores become
// those of predictions.
//
// A row of contributions has, for each output, one number a feature and then the base: what is
// predicted knowing nothing. They sum to the prediction.
//
// Behind a link that is no straight line contributions to the scores are carried over by the mean
// slope of the link along the line from the base's scores to the row's (the Shapley value of Aumann
// and Shapley, for the link alone): with one score all are stretched by the same factor; with more,
// the class's contributions draw on those of all scores.
#pragma once

#include <cstdint>
#include <span>

#include "automl/models/scores.h"

namespace assay::automl {

// Of what contributions are given.
enum class ExplainedScale : uint8_t {
  kPredictions,  // probabilities, or values
  kScores,       // before the link: log-odds, logarithms of means; values and shares as they are
};

// One row: `scores` [scores, features + 1] to `out` [outputs, features + 1].
void explain_predictions(Link link, TargetScale target, std::span<const double> scores,
                         std::span<double> out, int32_t feature_count);
// The same for ExplainedScale::kScores: out [scores, features + 1].
void explain_scores(Link link, TargetScale target, std::span<const double> scores,
                    std::span<double> out, int32_t feature_count);

// What is made of another model's probabilities: `all` [outputs, features + 1] of a row are moved
// to the given bases, and each output's contributions stretched so that they end at `ends`. What
// moves where there was nothing to stretch is the base's.
void stretch(std::span<double> all, std::span<const double> bases, std::span<const double> ends);

}  // namespace assay::automl
