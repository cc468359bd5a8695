#include "automl/search/random_sampler.h"

#include "automl/search/draws.h"
#include "kernels/base/rng.h"

namespace assay::automl {

std::vector<double> RandomSampler::sample(const SampleRequest& request) const {
  Rng rng(request.draw);
  const size_t size = request.space->size();
  for (int before = 0; before < request.attempt; ++before) draw_point(rng, size);
  return draw_point(rng, size);
}

}  // namespace assay::automl
