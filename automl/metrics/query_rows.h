// QueryRows: rows of a ranking in order of their queries, as losses and metrics of rankings take
// them. Pure.
#pragma once

#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

namespace assay::automl {

struct QueryRows {
  std::vector<uint32_t> rows;  // of one query after those of another, each query's ascending
  std::vector<int64_t> ends;   // query q has rows[q == 0 ? 0 : ends[q - 1], ends[q])

  // `rows` ascend and index `queries`, whose numbers are >= 0 and name a row's query. O(rows +
  // greatest number).
  static QueryRows of(std::span<const int32_t> queries, std::span<const uint32_t> rows);
  // All rows.
  static QueryRows of(std::span<const int32_t> queries);

  int64_t count() const { return static_cast<int64_t>(ends.size()); }
  std::span<const uint32_t> rows_of(int64_t query) const {
    const int64_t begin = query == 0 ? 0 : ends[static_cast<size_t>(query - 1)];
    return std::span(rows).subspan(static_cast<size_t>(begin),
                                   static_cast<size_t>(ends[static_cast<size_t>(query)] - begin));
  }
};

}  // namespace assay::automl
