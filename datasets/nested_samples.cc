#include "datasets/nested_samples.h"

#include <algorithm>
#include <numeric>

#include "kernels/base/rng.h"

namespace assay::datasets {
namespace {

// 0 .. count - 1 in random order.
std::vector<uint32_t> random_order(size_t count, uint64_t seed) {
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  Rng rng(derive_seed(seed, "sample"));
  shuffle(order, rng);
  return order;
}

std::vector<std::vector<uint32_t>> below_shares(const std::vector<double>& places,
                                                std::span<const double> shares) {
  std::vector<std::vector<uint32_t>> samples;
  for (const double share : shares) {
    std::vector<uint32_t>& sample = samples.emplace_back();
    for (size_t row = 0; row < places.size(); ++row) {
      if (places[row] < share) sample.push_back(static_cast<uint32_t>(row));
    }
  }
  return samples;
}

// The place of a unit is the part of the rows that are in units drawn before it.
template <class T>
std::vector<std::vector<uint32_t>> unit_samples(std::span<const T> units,
                                                std::span<const double> shares, uint64_t seed) {
  std::vector<T> distinct(units.begin(), units.end());
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  const auto number_of = [&](T unit) {
    return static_cast<size_t>(std::lower_bound(distinct.begin(), distinct.end(), unit) -
                               distinct.begin());
  };
  std::vector<size_t> sizes(distinct.size(), 0);
  for (const T unit : units) ++sizes[number_of(unit)];
  std::vector<double> place_of(distinct.size(), 0);
  size_t before = 0;
  for (const uint32_t unit : random_order(distinct.size(), seed)) {
    place_of[unit] = static_cast<double>(before) / static_cast<double>(units.size());
    before += sizes[unit];
  }
  std::vector<double> places;
  places.reserve(units.size());
  for (const T unit : units) places.push_back(place_of[number_of(unit)]);
  return below_shares(places, shares);
}

}  // namespace

std::vector<std::vector<uint32_t>> stratified_samples(std::span<const int32_t> strata,
                                                      std::span<const double> shares,
                                                      uint64_t seed) {
  const int32_t most = strata.empty() ? 0 : *std::max_element(strata.begin(), strata.end());
  std::vector<size_t> sizes(static_cast<size_t>(most) + 1, 0);
  for (const int32_t stratum : strata) ++sizes[static_cast<size_t>(stratum)];
  std::vector<size_t> drawn(sizes.size(), 0);
  std::vector<double> places(strata.size(), 0);
  for (const uint32_t row : random_order(strata.size(), seed)) {
    const auto stratum = static_cast<size_t>(strata[row]);
    places[row] = static_cast<double>(drawn[stratum]++) / static_cast<double>(sizes[stratum]);
  }
  return below_shares(places, shares);
}

std::vector<std::vector<uint32_t>> group_samples(std::span<const int32_t> groups,
                                                 std::span<const double> shares, uint64_t seed) {
  return unit_samples(groups, shares, seed);
}

std::vector<std::vector<uint32_t>> time_samples(std::span<const double> times,
                                                std::span<const double> shares, uint64_t seed) {
  return unit_samples(times, shares, seed);
}

}  // namespace assay::datasets
