// Independent uniform draws.
#pragma once

#include "automl/search/sampler.h"

namespace assay::automl {

class RandomSampler final : public Sampler {
 public:
  std::vector<double> sample(const SampleRequest& request) const override;
  bool guided() const override { return false; }
};

}  // namespace assay::automl
