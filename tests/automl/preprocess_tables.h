// Small tables for tests of encoders, and what encoders make of them.
#pragma once

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "automl/preprocess/feature_encoder.h"
#include "tests/automl/learner_fixture.h"

namespace assay::automl {

inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

inline datasets::Column numbers(std::string name, std::vector<double> values,
                                datasets::ColumnType type = datasets::ColumnType::kNumeric) {
  datasets::Column column;
  column.name = std::move(name);
  column.type = type;
  for (const double value : values) column.missing_count += std::isnan(value) ? 1 : 0;
  column.numbers = std::move(values);
  if (type == datasets::ColumnType::kBoolean) column.levels = {"no", "yes"};
  return column;
}

// Codes are those of the table: 0 missing, 2 the first level.
inline datasets::Column texts(std::string name, std::vector<std::string> levels,
                              std::vector<int32_t> codes,
                              datasets::ColumnType type = datasets::ColumnType::kCategorical) {
  datasets::Column column;
  column.name = std::move(name);
  column.type = type;
  column.levels = std::move(levels);
  for (const int32_t code : codes) column.missing_count += code == 0 ? 1 : 0;
  column.codes = std::move(codes);
  return column;
}

inline std::shared_ptr<const datasets::Table> table_of(std::vector<datasets::Column> columns) {
  return must(datasets::Table::make(std::move(columns), "t.csv", ""));
}

inline FeatureEncoder fit(const std::shared_ptr<const datasets::Table>& table,
                          std::vector<std::string> exclude = {}) {
  const Cpu cpu;
  EncoderOptions options;
  options.exclude = std::move(exclude);
  return must(FeatureEncoder::fit(table, options, cpu.context));
}

inline std::shared_ptr<const datasets::Table> small_table() {
  return table_of({numbers("age", {20, kNaN, 40, 60}),
                   numbers("member", {0, 1, 1, kNaN}, datasets::ColumnType::kBoolean),
                   texts("city", {"Bern", "Rome"}, {2, 3, 0, 3}), numbers("y", {1, 2, 3, 4})});
}

inline std::vector<uint8_t> bin_column(const EncodedTable& table, int32_t feature) {
  const Cpu cpu;
  const kernels::BinnedView view = must(table.bins(*cpu.context.device, cpu.context));
  std::vector<uint8_t> bins;
  for (int64_t row = 0; row < view.row_count; ++row) {
    bins.push_back(view.bins[view.cell_offset(row, feature)]);
  }
  return bins;
}

inline std::vector<float> dense_row(const EncodedTable& table, int64_t row) {
  const Cpu cpu;
  const DenseView dense = must(table.dense(cpu.context));
  return {dense.row(row).begin(), dense.row(row).end()};
}

}  // namespace assay::automl
