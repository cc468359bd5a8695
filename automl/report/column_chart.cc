#include "automl/report/column_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "automl/report/svg.h"

namespace assay::automl {
namespace {

constexpr double kColumnWidth = 124;
constexpr double kColumnHeight = 26;
constexpr size_t kColumnBars = 24;
constexpr size_t kLevels = 12;

std::vector<double> number_counts(const datasets::Column& column) {
  double low = 0;
  double high = 0;
  bool any = false;
  for (const double value : column.numbers) {
    if (!std::isfinite(value)) continue;
    low = any ? std::min(low, value) : value;
    high = any ? std::max(high, value) : value;
    any = true;
  }
  if (!any) return {};
  size_t bars = kColumnBars;
  if (column.all_integers && high - low < kColumnBars) bars = static_cast<size_t>(high - low) + 1;
  if (column.type == datasets::ColumnType::kBoolean) bars = 2;
  std::vector<double> counts(bars, 0.0);
  const double span = high > low ? high - low : 1;
  for (const double value : column.numbers) {
    if (!std::isfinite(value)) continue;
    const double at = (value - low) / span * static_cast<double>(bars);
    counts[std::min(bars - 1, static_cast<size_t>(at))] += 1;
  }
  return counts;
}

std::vector<double> level_counts(const datasets::Column& column) {
  std::vector<double> counts(column.levels.size(), 0.0);
  for (const int32_t code : column.codes) {
    if (code >= datasets::kFirstLevelCode) {
      counts[static_cast<size_t>(code - datasets::kFirstLevelCode)] += 1;
    }
  }
  std::sort(counts.begin(), counts.end(), std::greater<>());
  counts.resize(std::min(counts.size(), kLevels));
  return counts;
}

}  // namespace

std::string column_sketch(const datasets::Column& column) {
  const std::vector<double> counts =
      column.is_numbers() ? number_counts(column) : level_counts(column);
  if (counts.empty()) return {};
  const double most = *std::max_element(counts.begin(), counts.end());
  if (!(most > 0)) return {};
  Svg svg(kColumnWidth, kColumnHeight,
          fmt::format("{} of {}", column.is_numbers() ? "Histogram" : "Most frequent levels",
                      column.name),
          {});
  const double width = kColumnWidth / static_cast<double>(counts.size());
  std::string data;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    const double height = std::max(1.0, counts[i] / most * (kColumnHeight - 2));
    data += box_data({width * static_cast<double>(i) + 0.4, kColumnHeight - height}, width - 0.8,
                     height);
  }
  svg.path(data, column.is_numbers() ? "c0" : "c2");
  return std::move(svg).finish(false);
}

}  // namespace assay::automl
