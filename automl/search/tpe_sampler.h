// The tree-structured Parzen estimator over all parameters together (Bergstra et al., NIPS 2011;
// Watanabe, "Tree-Structured Parzen Estimator", arXiv 2304.11127). Of n known points the best
// min(ceil(n / 10), 25) make the density l of good ones, the others and the open ones (a constant
// liar: what runs is taken for bad, so that it is not proposed again) the density g. The proposal
// is the draw from l, of some, with the greatest l / g. It begins with points of Sobol's sequence.
#pragma once

#include "automl/search/sampler.h"

namespace assay::automl {

class TpeSampler final : public Sampler {
 public:
  std::vector<double> sample(const SampleRequest& request) const override;
  bool guided() const override { return true; }
};

}  // namespace assay::automl
