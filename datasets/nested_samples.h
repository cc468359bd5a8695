// Samples of some rows that lie within each other: what is in a share of the rows is in every
// larger one, too. Pure functions of their arguments: the same seed gives the same samples on any
// machine and thread count.
//
// Each row has a place in [0, 1), and is in those shares that are greater than its place. Places
// are spread evenly over each stratum, in random order, so that every share has about its part of
// each, and at least one row of it. Example: of a stratum of 4 rows the places are 0, 1/4, 2/4 and
// 3/4 in some order; a share of 1/3 has two of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace assay::datasets {

// For each of `shares`, in (0, 1], the positions of the rows that are in it, ascending; no rows:
// empty. `strata[row]` >= 0, as class codes.
std::vector<std::vector<uint32_t>> stratified_samples(std::span<const int32_t> strata,
                                                      std::span<const double> shares,
                                                      uint64_t seed);

// Likewise where the rows of one group, or of one time, never part: groups are drawn in random
// order until there are as many rows. The first one is in every share, however many rows it has.
// `groups[row]` is a code; times without NaN.
std::vector<std::vector<uint32_t>> group_samples(std::span<const int32_t> groups,
                                                 std::span<const double> shares, uint64_t seed);
std::vector<std::vector<uint32_t>> time_samples(std::span<const double> times,
                                                std::span<const double> shares, uint64_t seed);

}  // namespace assay::datasets
