// Covariance matrix adaptation (Hansen, "The CMA Evolution Strategy: A Tutorial", arXiv
// 1604.00772), without generations that wait: the known points, in the order of their proposal, are
// taken lambda at a time, and each group moves the mean, the step size and the covariance as a
// generation does. Points that were not drawn from the present distribution, such as the first
// ones, are drawn in to a plausible distance (Hansen, "Injecting External Solutions Into CMA-ES",
// arXiv 1110.4181). It begins around the default setting. Choices are coordinates like others.
#pragma once

#include "automl/search/sampler.h"

namespace assay::automl {

class CmaesSampler final : public Sampler {
 public:
  std::vector<double> sample(const SampleRequest& request) const override;
  bool guided() const override { return true; }
};

}  // namespace assay::automl
