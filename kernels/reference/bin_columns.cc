#include "kernels/bin_columns.h"

#include <cmath>

#include "kernels/reference/reference_ops.h"

namespace assay::kernels::reference {
namespace {

uint8_t bin_of_number(const ColumnSource& column, double x) {
  if (std::isnan(x)) return kMissingBin;
  int bin = 1;
  for (int32_t k = 0; k < column.edge_count; ++k) bin += column.edges[k] < x ? 1 : 0;
  return static_cast<uint8_t>(bin);
}

uint8_t bin_of_code(const ColumnSource& column, int32_t code) {
  return code >= 0 && code < column.code_count ? column.code_to_bin[code] : kUnseenBin;
}

uint8_t bin_of_row(const ColumnSource& column, int64_t row) {
  if (!column.has_values()) return kMissingBin;
  return column.kind == FeatureKind::kNumeric ? bin_of_number(column, column.numbers[row])
                                              : bin_of_code(column, column.codes[row]);
}

}  // namespace

Status bin_columns(const OpContext&, const BinColumnsProblem& problem, const BinColumnsArgs& args) {
  ASSAY_RETURN_IF_ERROR(check_problem(problem, args));
  BinnedView layout;
  layout.row_count = problem.row_count;
  layout.feature_count = problem.feature_count;
  for (int32_t f = 0; f < problem.feature_count; ++f) {
    const ColumnSource& column = args.columns[f];
    for (int64_t row = 0; row < problem.row_count; ++row) {
      args.bins[layout.cell_offset(row, f)] = bin_of_row(column, row);
    }
  }
  return {};
}

}  // namespace assay::kernels::reference
