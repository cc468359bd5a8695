#include "automl/metrics/query_rows.h"

#include <algorithm>

namespace assay::automl {

// A counting sort, which keeps the order of a query's rows.
QueryRows QueryRows::of(std::span<const int32_t> queries, std::span<const uint32_t> rows) {
  std::vector<int64_t> places;  // [queries + 1]: first the counts, then where the next row goes
  for (const uint32_t row : rows) {
    const auto query = static_cast<size_t>(queries[row]);
    if (places.size() < query + 2) places.resize(query + 2, 0);
    ++places[query + 1];
  }
  QueryRows sorted;
  for (size_t q = 1; q < places.size(); ++q) {
    places[q] += places[q - 1];
    if (places[q] > places[q - 1]) sorted.ends.push_back(places[q]);
  }
  sorted.rows.resize(rows.size());
  for (const uint32_t row : rows) {
    sorted.rows[static_cast<size_t>(places[static_cast<size_t>(queries[row])]++)] = row;
  }
  return sorted;
}

QueryRows QueryRows::of(std::span<const int32_t> queries) {
  std::vector<uint32_t> rows(queries.size());
  std::iota(rows.begin(), rows.end(), 0u);
  return of(queries, rows);
}

}  // namespace assay::automl
