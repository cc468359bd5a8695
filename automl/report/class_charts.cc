#include "automl/report/class_charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "automl/report/text_table.h"

namespace assay::automl {
namespace {

constexpr size_t kCurvePoints = 200;
constexpr double kCurveSize = 400;
constexpr int kLabelLength = 18;

PlotSpec rate_spec(const std::string& title, std::string x_name, std::string y_name) {
  PlotSpec spec;
  spec.height = kCurveSize;
  spec.title = title;
  spec.x = {0, 1, 0.2};
  spec.y = {0, 1, 0.2};
  spec.x_name = std::move(x_name);
  spec.y_name = std::move(y_name);
  return spec;
}

using CurveOf = RateCurve (*)(const ClassScores&);

// A curve for each class, named with its area.
Figure curves_figure(PlotSpec spec, std::string_view area_name,
                     std::span<const NamedScores> classes, CurveOf curve_of, bool diagonal) {
  Figure figure;
  figure.title = spec.title;
  std::vector<RateCurve> curves;
  for (const NamedScores& each : classes) {
    curves.push_back(curve_of(each.scores));
    if (curves.back().points.empty()) continue;
    spec.description += fmt::format("{}{}: {} {:.4f}", spec.description.empty() ? "" : "; ",
                                    each.name, area_name, curves.back().area);
  }
  if (spec.description.empty()) {
    figure.note = "rows of one class only.";
    return figure;
  }
  Plot plot(spec);
  if (diagonal) plot.svg().line(plot.at(0, 0), plot.at(1, 1), "edge dash");
  // Colours repeat; lines of the second round are dashed.
  for (size_t i = curves.size(); i-- > 0;) {
    if (curves[i].points.empty()) continue;
    std::vector<SvgPoint> points;
    for (const SvgPoint& point : thinned(curves[i].points, kCurvePoints)) {
      points.push_back(plot.at(point.x, point.y));
    }
    const bool again = i >= kSvgColours;
    plot.svg().path(polyline(points),
                    "line wide " + line_class(i % kSvgColours) + (again ? " dash" : ""));
  }
  for (size_t i = 0; i < curves.size(); ++i) {
    if (curves[i].points.empty()) continue;
    figure.legend.push_back(
        {i < kSvgColours ? LegendItem::Mark::kLine : LegendItem::Mark::kDash,
         fill_class(i % kSvgColours),
         fmt::format("{}: {} {:.4f}", short_label(classes[i].name, kLabelLength), area_name,
                     curves[i].area)});
  }
  figure.svg = std::move(plot).finish();
  return figure;
}

}  // namespace

Figure roc_figure(std::span<const NamedScores> classes) {
  return curves_figure(rate_spec("ROC", "false positive rate", "true positive rate"), "AUC",
                       classes, &roc_curve, true);
}

Figure precision_figure(std::span<const NamedScores> classes) {
  return curves_figure(rate_spec("Precision and recall", "recall", "precision"),
                       "average precision", classes, &precision_curve, false);
}

Figure calibration_figure(std::span<const NamedScores> classes) {
  Figure figure;
  PlotSpec spec = rate_spec("Calibration", "mean predicted probability", "share of rows");
  figure.title = spec.title;
  std::vector<std::vector<CalibrationBin>> bins;
  for (const NamedScores& each : classes) {
    bins.push_back(calibration_bins(each.scores, kCalibrationBins));
    spec.description +=
        fmt::format("{}{}: expected calibration error {:.4f}", spec.description.empty() ? "" : "; ",
                    each.name, calibration_error(bins.back()));
  }
  Plot plot(spec);
  plot.svg().line(plot.at(0, 0), plot.at(1, 1), "edge dash");
  for (size_t i = classes.size(); i-- > 0;) {
    std::vector<SvgPoint> points;
    for (const CalibrationBin& bin : bins[i]) points.push_back(plot.at(bin.mean, bin.rate));
    plot.svg().path(polyline(points),
                    "line " + line_class(i % kSvgColours) + (i >= kSvgColours ? " dash" : ""));
    plot.svg().dots(points, 3.5, line_class(i % kSvgColours));
  }
  for (size_t i = 0; i < classes.size(); ++i) {
    figure.legend.push_back(
        {LegendItem::Mark::kDot, fill_class(i % kSvgColours),
         fmt::format("{}: error {:.4f}", short_label(classes[i].name, kLabelLength),
                     calibration_error(bins[i]))});
  }
  figure.svg = std::move(plot).finish();
  figure.note = fmt::format(
      "Rows in up to {} bins of equal size by their probability; on the dashed line predictions "
      "hold. The error is the mean distance from it.",
      kCalibrationBins);
  return figure;
}

HtmlTable confusion_table(const Confusion& confusion) {
  HtmlTable table;
  const bool even = confusion.threshold == kEvenThreshold;
  table.caption = fmt::format(
      "Rows: true class; columns: predicted class ({}). Accuracy {:.4f}.",
      even ? std::string("the most probable")
           : fmt::format("the second where its probability is above {:.6g}", confusion.threshold),
      confusion.accuracy);
  table.columns.push_back({"true class", false});
  for (const std::string& label : confusion.labels) {
    table.columns.push_back({short_label(label, kLabelLength), true});
  }
  table.columns.push_back({"recall", true});
  for (size_t t = 0; t < confusion.labels.size(); ++t) {
    double sum = 0;
    for (const int64_t count : confusion.counts[t]) sum += static_cast<double>(count);
    std::vector<HtmlCell> row = {HtmlCell(short_label(confusion.labels[t], 30))};
    for (size_t p = 0; p < confusion.labels.size(); ++p) {
      HtmlCell cell(fmt::format("{}", confusion.counts[t][p]));
      cell.shade = sum > 0 ? static_cast<double>(confusion.counts[t][p]) / sum : 0.0;
      cell.emphasis = t == p;
      row.push_back(std::move(cell));
    }
    const bool others = confusion.has_others && t + 1 == confusion.labels.size();
    row.emplace_back(
        others || !(sum > 0)
            ? "-"
            : fmt::format("{:.1f} %", 100 * static_cast<double>(confusion.counts[t][t]) / sum));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace assay::automl
