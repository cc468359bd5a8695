// Views of proposed points that samplers share: which are best, and losses for all of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "automl/search/sampler.h"

namespace assay::automl {

// Places of the points that are not open, from best to worst: scored ones by loss, then pruned ones
// by how far they came and the loss there, then failed ones; equal ones in their order.
std::vector<size_t> ranked_points(std::span<const SamplePoint> points);

// How many are not open.
size_t known_count(std::span<const SamplePoint> points);

// A loss for each point that is not open, in the order given: what was scored as it is but for
// outliers, which are drawn in to the upper quartile plus three times the distance between median
// and best; what gave none has the worst of these. Empty if nothing was scored.
struct KnownLosses {
  std::vector<size_t> places;
  std::vector<double> losses;
};
KnownLosses known_losses(std::span<const SamplePoint> points);

// Seed of the draws for this point and attempt.
uint64_t draw_seed(const SampleRequest& request, std::string_view purpose);

}  // namespace assay::automl
