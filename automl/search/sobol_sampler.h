// The scrambled points of Sobol's sequence, in order: even coverage of the space for its own sake,
// and what other samplers begin with.
#pragma once

#include "automl/search/sampler.h"

namespace assay::automl {

class SobolSampler final : public Sampler {
 public:
  std::vector<double> sample(const SampleRequest& request) const override;
  bool guided() const override { return false; }
};

// Point number `index` of the space's sequence under `seed`. Coordinates that Sobol has no numbers
// for are drawn.
std::vector<double> sobol_point(size_t dimensions, uint32_t index, uint64_t seed);

}  // namespace assay::automl
