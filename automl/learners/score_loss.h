// ScoreLoss: the loss of a row's scores, and its derivatives: what learners of dense rows minimise.
// The losses of kernels/loss.h: logistic, softmax; for regression squared, poisson where counts are
// the aim, and where a quantile is, the pinball loss of alpha with its corner rounded by a logistic
// kernel of width h (convolution smoothing: Fernandes, Guerre, Horta, "Smoothing quantile
// regressions", 2021), for d = s - y:
//
//     loss = (1 - alpha) d + h log(1 + e^(-d / h))      derivative = 1 / (1 + e^(-d / h)) - alpha
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "automl/learners/fit_data.h"
#include "automl/learners/learner.h"
#include "automl/models/scores.h"
#include "kernels/loss.h"

namespace assay::automl {

class ScoreLoss {
 public:
  // Both must outlive it.
  ScoreLoss(const FitRequest& request, const FitData& data);

  int32_t scores() const { return scores_; }
  // The loss of kernels/loss.h that it is; kPoisson up to what does not depend on the scores.
  // Nothing for the rounded pinball loss.
  std::optional<kernels::Loss> op_loss() const;
  // What models of such scores predict.
  Link link() const;
  // Of a row with so much weight; `scores` become the loss's derivatives times the weight.
  double row(uint32_t row, double weight, std::span<double> scores) const;

 private:
  const FitRequest& request_;
  const FitData& data_;
  kernels::Loss loss_;
  double width_ = 0;  // h
  int32_t scores_;
};

}  // namespace assay::automl
