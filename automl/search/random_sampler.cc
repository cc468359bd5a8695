#include "automl/search/random_sampler.h"

#include "automl/search/draws.h"
#include "automl/search/sample_points.h"

namespace assay::automl {

std::vector<double> RandomSampler::sample(const SampleRequest& request) const {
  Rng rng(draw_seed(request, "random"));
  return draw_point(rng, request.space->size());
}

}  // namespace assay::automl
