// Op bin_columns: raw columns to the one-byte codes of BinnedView, all features of a block of rows.
// Numeric: NaN -> 0, else 1 + #{k : edges[k] < x}; +-inf fall in the outer bins. Categorical:
// a column's level code c (datasets' codes: 0 missing, 1 unseen) -> code_to_bin[c], and c outside
// [0, code_count) -> kUnseenBin. Exact. A column without values, its numbers or codes null, is one
// that nobody will read: kMissingBin in all rows.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/binned_view.h"
#include "kernels/op_table.h"

namespace assay::kernels {

// So that the greatest numeric code is below kMaxBins.
inline constexpr int32_t kMaxEdges = kMaxBins - 2;

// One source column, on the device that runs the op.
struct ColumnSource {
  FeatureKind kind = FeatureKind::kNumeric;
  const double* numbers = nullptr;       // numeric: [row_count], or null
  const double* edges = nullptr;         // numeric: [edge_count], strictly increasing
  int32_t edge_count = 0;                // 0..253
  const int32_t* codes = nullptr;        // categorical: [row_count], or null
  const uint8_t* code_to_bin = nullptr;  // categorical: [code_count]
  int32_t code_count = 0;

  bool has_values() const {
    return kind == FeatureKind::kNumeric ? numbers != nullptr : codes != nullptr;
  }
};

struct BinColumnsProblem {
  int64_t row_count = 0;
  int32_t feature_count = 0;
};

struct BinColumnsArgs {
  const ColumnSource* columns = nullptr;  // [feature_count], the structs in the host's memory
  uint8_t* bins = nullptr;                // out, the layout of BinnedView
};

// Fails: invalid_argument for sizes out of range or an edge_count above kMaxEdges; cancelled.
struct BinColumns {
  static constexpr std::string_view kName = "bin_columns";
  using Problem = BinColumnsProblem;
  using Args = BinColumnsArgs;
};

// The range checks that every implementation starts with.
Status check_problem(const BinColumnsProblem& problem, const BinColumnsArgs& args);

}  // namespace assay::kernels
