#include "automl/report/prediction_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "automl/report/text_table.h"

namespace assay::automl {
namespace {

constexpr size_t kClassLabelLength = 40;

std::string area_text(const RateCurve& curve) {
  return curve.points.empty() ? "-" : fmt::format("{:.4f}", curve.area);
}

// The value below which a share of the sorted ones lies, the lower of two neighbours.
double quantile_of(std::span<const double> sorted, double share) {
  return sorted[static_cast<size_t>(share * static_cast<double>(sorted.size() - 1))];
}

}  // namespace

HtmlTable class_table(std::span<const NamedScores> classes) {
  HtmlTable table;
  table.columns = {{"class", false},
                   {"rows", true},
                   {"ROC AUC", true},
                   {"average precision", true},
                   {"calibration error", true}};
  for (const NamedScores& named : classes) {
    const auto bins = calibration_bins(named.scores, kCalibrationBins);
    table.rows.push_back({HtmlCell(short_label(named.name, kClassLabelLength)),
                          HtmlCell(fmt::format("{}", named.scores.positives())),
                          HtmlCell(area_text(roc_curve(named.scores))),
                          HtmlCell(area_text(precision_curve(named.scores))),
                          HtmlCell(fmt::format("{:.4f}", calibration_error(bins)))});
  }
  return table;
}

HtmlTable residual_table(const ValuePairs& pairs) {
  std::vector<double> residuals;
  for (size_t i = 0; i < pairs.truth.size(); ++i) {
    residuals.push_back(pairs.truth[i] - pairs.predicted[i]);
  }
  HtmlTable table;
  table.columns = {{"", false},    {"least", true},    {"5 %", true},
                   {"25 %", true}, {"median", true},   {"75 %", true},
                   {"95 %", true}, {"greatest", true}, {"mean", true}};
  const auto add = [&](const char* name, std::span<const double> values) {
    std::vector<double> sorted(values.begin(), values.end());
    std::sort(sorted.begin(), sorted.end());
    std::vector<HtmlCell> row = {HtmlCell(name)};
    for (const double share : {0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0}) {
      row.emplace_back(fmt::format("{:.6g}", quantile_of(sorted, share)));
    }
    // Of parts, so that a sum of the greatest numbers is one too.
    double mean = 0;
    for (const double value : sorted) mean += value / static_cast<double>(sorted.size());
    row.emplace_back(fmt::format("{:.6g}", mean));
    table.rows.push_back(std::move(row));
  };
  add("true", pairs.truth);
  add("predicted", pairs.predicted);
  add("residual", residuals);
  return table;
}

}  // namespace assay::automl
