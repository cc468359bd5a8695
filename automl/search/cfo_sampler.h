// Cost-frugal local search, FLOW2 (Wu, Wang, Huang: "Frugal Optimization for Cost-related
// Hyperparameters", AAAI 2021): from the default setting, steps of length 0.1 sqrt(d) along random
// directions, first one way, then, if that was no better, the other; any improvement moves the
// centre. Improvements lengthen the step, rows of failures shorten it, and when it is too short to
// matter the search begins anew at a random point. Being local it stays near cheap settings
// if it begins there. Open points are not waited for: the next direction is tried.
#pragma once

#include "automl/search/sampler.h"

namespace assay::automl {

class CfoSampler final : public Sampler {
 public:
  std::vector<double> sample(const SampleRequest& request) const override;
  bool guided() const override { return true; }
};

}  // namespace assay::automl
