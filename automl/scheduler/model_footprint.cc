#include "automl/scheduler/model_footprint.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "automl/config/units.h"
#include "kernels/base/executor.h"

namespace assay::automl {
namespace {

// Rows that are kept: fewer of wide tables.
constexpr int64_t kMostRows = 16;
constexpr int64_t kMostCells = 32'768;
// A trial of a small table takes milliseconds: measuring it must not take as long. At least
// kLeastSamples, but one of what is so slow that a search would feel it.
constexpr size_t kWarmUps = 2;
constexpr size_t kLeastSamples = 3;
constexpr int64_t kEnoughNs = 2'000'000;
constexpr int64_t kSlowNs = 10'000'000;

// The cell as a reader would give it: a category knows no level but its own.
datasets::Column one_cell(const datasets::Column& column, size_t row) {
  datasets::Column cell;
  cell.name = column.name;
  cell.type = column.type;
  if (column.is_numbers()) {
    cell.numbers = {column.numbers[row]};
    cell.missing_count = std::isnan(column.numbers[row]) ? 1 : 0;
    cell.levels = column.levels;
    cell.all_integers = column.all_integers;
    return cell;
  }
  const int32_t code = column.codes[row];
  if (code >= datasets::kFirstLevelCode) {
    cell.levels = {column.levels[static_cast<size_t>(code - datasets::kFirstLevelCode)]};
    cell.codes = {datasets::kFirstLevelCode};
  } else {
    cell.codes = {datasets::kMissingCode};
    cell.missing_count = 1;
  }
  return cell;
}

}  // namespace

Result<ModelGauge> ModelGauge::make(const datasets::Table& table, const FeatureEncoder& encoder) {
  ModelGauge gauge;
  std::vector<const datasets::Column*> columns;
  for (const InputColumn& wanted : encoder.columns()) {
    ASSAY_ASSIGN_OR_RETURN(const datasets::Column* column, table.column(wanted.name));
    columns.push_back(column);
  }
  const auto width = std::max<int64_t>(1, static_cast<int64_t>(columns.size()));
  const int64_t wanted = std::clamp<int64_t>(kMostCells / width, 1, kMostRows);
  const int64_t count = std::min(wanted, table.row_count());
  for (int64_t i = 0; i < count; ++i) {
    const auto row = static_cast<size_t>(i * table.row_count() / count);
    std::vector<datasets::Column> cells;
    for (const datasets::Column* column : columns) cells.push_back(one_cell(*column, row));
    ASSAY_ASSIGN_OR_RETURN(auto made, datasets::Table::make(std::move(cells), "a row", ""));
    gauge.rows_.push_back(std::move(made));
  }
  return gauge;
}

Result<double> ModelGauge::latency_us(const Predictor& predictor, const kernels::KernelSet& kernels,
                                      kernels::Device& host, const Clock& clock) const {
  if (rows_.empty()) return 0.0;
  SerialExecutor executor;
  const StopToken stop(&clock, kNoDeadline);
  const kernels::ComputeContext context{&kernels, &host, &host, &executor, &stop};
  std::vector<int64_t> samples;
  int64_t spent_ns = 0;
  size_t least = kLeastSamples;
  size_t warm_ups = kWarmUps;
  for (size_t i = 0; samples.size() < kMostSamples; ++i) {
    if (samples.size() >= least && spent_ns >= kEnoughNs) break;
    const int64_t start_ns = clock.now_ns();
    ASSAY_RETURN_IF_ERROR(predictor.predict(rows_[i % rows_.size()], context));
    const int64_t took_ns = clock.now_ns() - start_ns;
    if (i == 0 && took_ns > kSlowNs) least = warm_ups = 1;
    if (i < warm_ups) continue;
    samples.push_back(took_ns);
    spent_ns += took_ns;
  }
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  return static_cast<double>(*middle) * 1e-3;
}

}  // namespace assay::automl
