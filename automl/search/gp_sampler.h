// Bayesian optimisation: a Gaussian process on what is known (gaussian_process.h), and the point
// with the greatest expected improvement over its best (Jones, Schonlau, Welch: "Efficient Global
// Optimization of Expensive Black-Box Functions", J. Global Optimization 13, 1998). Open points
// are believed to come out as predicted. It begins with points of Sobol's sequence. Takes tens of
// milliseconds a proposal: for trials that take longer.
#pragma once

#include "automl/search/sampler.h"

namespace assay::automl {

class GpSampler final : public Sampler {
 public:
  std::vector<double> sample(const SampleRequest& request) const override;
  bool guided() const override { return true; }
};

// log E[max(best - f, 0)] for f normal with this mean and deviation (> 0); finite however unlikely
// an improvement is.
double log_expected_improvement(double best, double mean, double deviation);

}  // namespace assay::automl
