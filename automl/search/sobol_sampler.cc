#include "automl/search/sobol_sampler.h"

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>

#include "automl/search/sample_points.h"
#include "automl/search/sobol.h"
#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

// Finding direction numbers takes milliseconds, and they depend on nothing else.
const Sobol& sequence_of(size_t dimensions) {
  static std::array<std::once_flag, Sobol::kMostDimensions + 1> once;
  static std::array<std::unique_ptr<const Sobol>, Sobol::kMostDimensions + 1> made;
  std::call_once(once[dimensions], [&] {
    made[dimensions] = std::make_unique<const Sobol>(static_cast<int>(dimensions));
  });
  return *made[dimensions];
}

}  // namespace

std::vector<double> sobol_point(size_t dimensions, uint32_t index, uint64_t seed) {
  if (dimensions == 0) return {};
  const size_t even = std::min(dimensions, static_cast<size_t>(Sobol::kMostDimensions));
  std::vector<double> point = sequence_of(even).at(index, derive_seed(seed, "sobol"));
  Rng rng(derive_seed(seed, "beyond sobol", index));
  while (point.size() < dimensions) point.push_back(rng.next_double());
  return point;
}

// A point that was there before is left out for another one that is drawn.
std::vector<double> SobolSampler::sample(const SampleRequest& request) const {
  const auto index = static_cast<uint32_t>(std::max<size_t>(request.points.size(), 1) - 1);
  if (request.attempt == 0) return sobol_point(request.space->size(), index, request.seed);
  Rng rng(draw_seed(request, "again"));
  std::vector<double> point(request.space->size());
  for (double& coordinate : point) coordinate = rng.next_double();
  return point;
}

}  // namespace assay::automl
