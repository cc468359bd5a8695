// Axes cover all but the outermost 1 in 1,000 rows at each end if those would more than double the
// range; what is beyond lies on the edge.
#include "automl/report/value_charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "automl/report/text_table.h"

namespace assay::automl {
namespace {

constexpr size_t kGrid = 48;
constexpr size_t kResidualBars = 40;
constexpr double kScatterSize = 400;

struct Bounds {
  double low = 0;
  double high = 0;
  bool cut = false;
};

Bounds bounds_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  Bounds bounds{values.front(), values.back(), false};
  const size_t tail = values.size() / 1000;
  const double low = values[tail];
  const double high = values[values.size() - 1 - tail];
  if (high > low && bounds.high - bounds.low > 2 * (high - low)) bounds = {low, high, true};
  return bounds;
}

// Points, or shades of a grid by the logarithm of their number.
void draw_cloud(Plot& plot, std::span<const double> xs, std::span<const double> ys) {
  if (xs.size() <= kScatterRows) {
    std::vector<SvgPoint> points;
    for (size_t i = 0; i < xs.size(); ++i) points.push_back(plot.at(xs[i], ys[i]));
    plot.svg().dots(points, 2, "soft s0");
    return;
  }
  const double width = (plot.right() - plot.left()) / kGrid;
  const double height = (plot.bottom() - plot.top()) / kGrid;
  std::vector<size_t> counts(kGrid * kGrid, 0);
  const auto cell_of = [](double at, double size) {
    return std::min(kGrid - 1, static_cast<size_t>(std::max(0.0, at / size)));
  };
  for (size_t i = 0; i < xs.size(); ++i) {
    const size_t column = cell_of(plot.x(xs[i]) - plot.left(), width);
    const size_t row = cell_of(plot.y(ys[i]) - plot.top(), height);
    ++counts[row * kGrid + column];
  }
  const double most =
      std::log1p(static_cast<double>(*std::max_element(counts.begin(), counts.end())));
  std::vector<std::string> shades(kSvgShades);
  for (size_t at = 0; at < counts.size(); ++at) {
    if (counts[at] == 0) continue;
    const double part = std::log1p(static_cast<double>(counts[at])) / most;
    const auto shade = std::min<size_t>(kSvgShades - 1, static_cast<size_t>(part * kSvgShades));
    // As thick lines, which take their colour from line classes like all else.
    shades[shade] +=
        fmt::format("M{} {}h{}", svg_number(plot.left() + static_cast<double>(at % kGrid) * width),
                    svg_number(plot.top() + (static_cast<double>(at / kGrid) + 0.5) * height),
                    svg_number(width));
  }
  for (size_t shade = 0; shade < shades.size(); ++shade) {
    plot.svg().path(shades[shade], fmt::format("cells q{}", shade));
  }
}

std::string cloud_note(const ValuePairs& pairs, bool cut) {
  std::string note;
  if (pairs.truth.size() > kScatterRows) {
    note = fmt::format("{} rows as shades: the stronger, the more of them (by logarithm). ",
                       pairs.truth.size());
  }
  if (cut) note += "Values far beyond the rest lie on the edge.";
  return note;
}

std::vector<double> residuals_of(const ValuePairs& pairs) {
  std::vector<double> residuals;
  for (size_t i = 0; i < pairs.truth.size(); ++i) {
    residuals.push_back(pairs.truth[i] - pairs.predicted[i]);
  }
  return residuals;
}

double mean_of(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

}  // namespace

Figure predicted_figure(const ValuePairs& pairs) {
  Figure figure;
  figure.title = "Predicted against true";
  if (pairs.truth.empty()) return figure;
  std::vector<double> both(pairs.truth.begin(), pairs.truth.end());
  both.insert(both.end(), pairs.predicted.begin(), pairs.predicted.end());
  const Bounds bounds = bounds_of(std::move(both));
  PlotSpec spec;
  spec.height = kScatterSize;
  spec.title = figure.title;
  spec.x = spec.y = round_axis(bounds.low, bounds.high, 5);
  spec.x_name = "true value";
  spec.y_name = "predicted, out of fold";
  spec.description =
      fmt::format("{} rows; true values have the mean {}, predictions {}.", pairs.truth.size(),
                  score_text(mean_of(pairs.truth)), score_text(mean_of(pairs.predicted)));
  Plot plot(spec);
  draw_cloud(plot, pairs.truth, pairs.predicted);
  plot.svg().line(plot.at(spec.x.low, spec.x.low), plot.at(spec.x.high, spec.x.high), "ink dash");
  figure.svg = std::move(plot).finish();
  figure.note = cloud_note(pairs, bounds.cut) + "On the dashed line predictions are right.";
  return figure;
}

Figure residual_figure(const ValuePairs& pairs) {
  Figure figure;
  figure.title = "Residuals";
  if (pairs.truth.empty()) return figure;
  const std::vector<double> residuals = residuals_of(pairs);
  const Bounds xs = bounds_of({pairs.predicted.begin(), pairs.predicted.end()});
  const Bounds ys = bounds_of(residuals);
  PlotSpec spec;
  spec.height = kScatterSize;
  spec.title = figure.title;
  spec.x = tight_axis(xs.low, xs.high, 5);
  spec.y = round_axis(ys.low, ys.high, 6);
  spec.x_name = "predicted, out of fold";
  spec.y_name = "true minus predicted";
  spec.description = fmt::format("{} rows; residuals have the mean {} and lie from {} to {}.",
                                 residuals.size(), score_text(mean_of(residuals)),
                                 score_text(*std::min_element(residuals.begin(), residuals.end())),
                                 score_text(*std::max_element(residuals.begin(), residuals.end())));
  Plot plot(spec);
  draw_cloud(plot, pairs.predicted, residuals);
  plot.svg().line({plot.left(), plot.y(0)}, {plot.right(), plot.y(0)}, "ink dash");
  figure.svg = std::move(plot).finish();
  figure.note = cloud_note(pairs, xs.cut || ys.cut);
  return figure;
}

Figure residual_histogram(const ValuePairs& pairs) {
  Figure figure;
  figure.title = "How often residuals occur";
  if (pairs.truth.empty()) return figure;
  const std::vector<double> residuals = residuals_of(pairs);
  const Bounds bounds = bounds_of(residuals);
  PlotSpec spec;
  spec.title = figure.title;
  spec.x = round_axis(bounds.low, bounds.high, 6);
  std::vector<double> counts(kResidualBars, 0.0);
  const double width = (spec.x.high - spec.x.low) / kResidualBars;
  for (const double residual : residuals) {
    const double at = std::clamp((residual - spec.x.low) / width, 0.0, kResidualBars - 0.5);
    counts[static_cast<size_t>(at)] += 1;
  }
  spec.y = round_axis(0, *std::max_element(counts.begin(), counts.end()), 4);
  spec.x_name = "true minus predicted";
  spec.y_name = "rows";
  spec.description = fmt::format("Histogram of {} residuals with the mean {}.", residuals.size(),
                                 score_text(mean_of(residuals)));
  Plot plot(spec);
  for (size_t i = 0; i < kResidualBars; ++i) {
    if (counts[i] == 0) continue;
    const double low = plot.x(spec.x.low + width * static_cast<double>(i));
    const double high = plot.x(spec.x.low + width * static_cast<double>(i + 1));
    const double top = plot.y(counts[i]);
    plot.svg().rect({low + 0.5, top}, high - low - 1, plot.bottom() - top, "c0");
  }
  figure.svg = std::move(plot).finish();
  if (bounds.cut) figure.note = "The outermost bars hold all beyond them.";
  return figure;
}

}  // namespace assay::automl
