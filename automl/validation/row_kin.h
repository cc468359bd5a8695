// RowKin: which rows know of each other, by the columns of groups and of times. Validation keeps
// the rows of a group together and times in their order; wherever some rows of one side of it
// choose and others are asked, the same must hold among them, or what is chosen is flattered.
// Views, not owned.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace assay::automl {

struct RowKin {
  std::span<const int32_t> groups = {};  // one a row of the table, or empty: no group column
  std::span<const double> times = {};    // or empty: no time column

  // Groups go before times, as in plan_validation.
  bool in_time() const { return groups.empty() && !times.empty(); }
  // The block of each of some rows, of at most `most`: those of one group, or time, are of one
  // block, and blocks of times are numbered in time. Empty: no row knows of another.
  std::vector<int32_t> blocks(std::span<const uint32_t> rows, int most, uint64_t seed) const;
  // Positions in `rows` of nested samples of them (datasets/nested_samples.h) in which rows that
  // know of each other are together, or left out together. Empty: no row knows of another.
  std::vector<std::vector<uint32_t>> samples(std::span<const uint32_t> rows,
                                             std::span<const double> shares, uint64_t seed) const;
};

}  // namespace assay::automl
