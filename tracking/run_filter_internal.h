// Evaluating a query over the columns of a RunTable. What the operators mean is in
// run_query_parser.h. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/run_column_internal.h"
#include "tracking/run_query_parser.h"
#include "tracking/run_table_internal.h"

namespace assay::tracking {

// SQL's three values, in an order where `and` is the least and `or` the greatest.
enum class Truth : uint8_t { kFalse, kUnknown, kTrue };

// The living rows for which the query's condition is true, in the order of the table.
// Fails: as reading columns does.
Result<std::vector<uint32_t>> filter_rows(RunTable& table, const RunQuery& query);

// Sorts rows as the query asks; only the first offset + limit are in their final places.
// Fails: as reading columns does.
Status order_rows(RunTable& table, const RunQuery& query, std::vector<uint32_t>& rows);

// One comparison (kEqual to kGreaterEqual) of two values that are there or missing.
Truth compare_cells(QueryOp op, const Cell& left, const Cell& right);

// Whether the whole text fits a pattern of `like`.
bool fits_pattern(std::string_view text, std::string_view pattern);

}  // namespace assay::tracking
