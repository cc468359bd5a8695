#include "automl/report/shap_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "automl/report/text_table.h"

namespace assay::automl {
namespace {

constexpr double kShapWidth = 460;
constexpr double kShapRow = 26;
constexpr double kShapBottom = 46;
constexpr int kShapNameLength = 20;
constexpr double kDot = 1.7;
constexpr double kShapRight = kShapWidth - 12;

std::vector<size_t> most_important(const ShapSample& sample, size_t limit) {
  std::vector<size_t> order(sample.columns.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return sample.importance[a] > sample.importance[b]; });
  order.resize(std::min(order.size(), limit));
  return order;
}

// Dots that would cover each other move up and down in turn, as far as the line allows.
class Swarm {
 public:
  explicit Swarm(double middle) : middle_(middle) {}
  double place(double x) {
    const int taken = taken_[std::lround(x / (1.6 * kDot))]++;
    const double step = 1.5 * kDot * static_cast<double>((taken + 1) / 2);
    return middle_ + std::min(step, kShapRow / 2 - 2) * (taken % 2 == 0 ? 1 : -1);
  }

 private:
  double middle_;
  std::map<long, int> taken_;
};

}  // namespace

Figure shap_figure(const ShapSample& sample, size_t limit) {
  Figure figure;
  figure.title = "Contributions to the " + sample.output;
  const std::vector<size_t> columns = most_important(sample, limit);
  if (columns.empty() || sample.rows == 0) return figure;
  double low = 0;
  double high = 0;
  double names = 0;
  const size_t width = sample.columns.size();
  for (const size_t column : columns) {
    names = std::max(names, label_width(short_label(sample.columns[column], kShapNameLength)));
    for (size_t row = 0; row < static_cast<size_t>(sample.rows); ++row) {
      low = std::min(low, sample.contributions[row * width + column]);
      high = std::max(high, sample.contributions[row * width + column]);
    }
  }
  const Axis axis = tight_axis(low, high, 5);
  const double left = std::min(names, 145.0) + 14;
  const double height = kShapRow * static_cast<double>(columns.size()) + kShapBottom;
  const auto place_x = [&](double value) {
    return left + 4 + axis.place(value) * (kShapRight - left - 8);
  };
  Svg svg(kShapWidth, height, figure.title,
          fmt::format("{} rows; the column that contributes most is {}.", sample.rows,
                      sample.columns[columns[0]]));
  for (const Tick& tick : ticks_of(axis)) {
    const double x = place_x(tick.value);
    svg.line({x, 4}, {x, height - kShapBottom + 4}, std::abs(tick.value) < 1e-12 ? "edge" : "rule");
    svg.text({x, height - kShapBottom + 20}, TextAnchor::kMiddle, tick.text, "faint");
  }
  svg.text({(left + kShapRight) / 2, height - 8}, TextAnchor::kMiddle, "contribution", "faint");
  std::vector<std::vector<SvgPoint>> dots(kSvgValues + 1);
  bool has_category = false;
  for (size_t i = 0; i < columns.size(); ++i) {
    const double middle = 4 + kShapRow * (static_cast<double>(i) + 0.5);
    svg.text({left - 8, middle + 4}, TextAnchor::kEnd,
             short_label(sample.columns[columns[i]], kShapNameLength));
    Swarm swarm(middle);
    for (size_t row = 0; row < static_cast<size_t>(sample.rows); ++row) {
      const double x = place_x(sample.contributions[row * width + columns[i]]);
      const double place = sample.places[row * width + columns[i]];
      const size_t shade =
          std::isnan(place)
              ? size_t{kSvgValues}
              : std::min<size_t>(kSvgValues - 1, static_cast<size_t>(place * kSvgValues));
      has_category = has_category || std::isnan(place);
      dots[shade].push_back({x, swarm.place(x)});
    }
  }
  for (size_t shade = 0; shade < dots.size(); ++shade) {
    svg.dots(dots[shade], kDot, shade < kSvgValues ? fmt::format("v{}", shade) : "s6");
  }
  figure.svg = std::move(svg).finish(false);
  figure.legend = {{LegendItem::Mark::kDot, "c0", "low value"},
                   {LegendItem::Mark::kDot, "c1", "high value"}};
  if (has_category) {
    figure.legend.push_back({LegendItem::Mark::kDot, "c6", "category, or missing"});
  }
  figure.note = fmt::format("{} rows of the training table, evenly spread.", sample.rows);
  if (columns.size() < width) {
    figure.note += fmt::format(" {} further columns contribute less.", width - columns.size());
  }
  return figure;
}

}  // namespace assay::automl
