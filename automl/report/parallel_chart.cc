#include "automl/report/parallel_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "automl/report/param_importance.h"
#include "automl/report/text_table.h"

namespace assay::automl {
namespace {

constexpr double kParallelWidth = 900;
constexpr double kParallelHeight = 300;
constexpr double kSide = 56;
constexpr double kParallelTop = 44;
constexpr double kParallelBottom = 34;
constexpr size_t kChoices = 8;  // levels of an axis that are named
constexpr size_t kBestLines = 100;

// Axes by importance; where that says nothing, by name.
std::vector<const ParamColumn*> choose_axes(const LearnerTrials& trials) {
  std::map<std::string, double> shares;
  for (const ParamImportance& param : param_importance(trials)) shares[param.name] = param.share;
  std::vector<const ParamColumn*> axes;
  for (const ParamColumn& column : trials.columns) axes.push_back(&column);
  std::stable_sort(axes.begin(), axes.end(), [&](const ParamColumn* a, const ParamColumn* b) {
    return shares[a->name] > shares[b->name];
  });
  axes.resize(std::min(axes.size(), kParallelAxes));
  return axes;
}

// Trials to draw, by rank: all that fit, else the best and evenly chosen others.
std::vector<size_t> choose_lines(size_t count) {
  std::vector<size_t> chosen;
  for (size_t i = 0; i < std::min(count, kBestLines); ++i) chosen.push_back(i);
  if (count <= kParallelLines) {
    for (size_t i = kBestLines; i < count; ++i) chosen.push_back(i);
    return chosen;
  }
  const size_t others = kParallelLines - kBestLines;
  for (size_t i = 0; i < others; ++i) {
    chosen.push_back(kBestLines + i * (count - kBestLines) / others);
  }
  return chosen;
}

std::string end_text(const ParamColumn& column, bool high) {
  const double value = high ? column.high : column.low;
  return fmt::format("{:.4g}", value);
}

class ParallelPicture {
 public:
  ParallelPicture(const LearnerTrials& trials, std::vector<const ParamColumn*> axes)
      : trials_(trials),
        axes_(std::move(axes)),
        svg_(kParallelWidth, kParallelHeight, fmt::format("Hyper-parameters of {}", trials.learner),
             fmt::format("Parallel coordinates of {} trials over {} hyper-parameters; the best "
                         "trial is {}.",
                         trials.scores.size(), axes_.size(), best_words())) {}

  std::string draw(const std::vector<size_t>& lines) {
    draw_axes();
    // Shades by rank, worst first, so that the best lie on top.
    std::vector<std::string> data(kSvgShades);
    for (auto it = lines.rbegin(); it != lines.rend(); ++it) {
      if (*it == 0) continue;
      data[shade_of(*it)] += line_of(*it);
    }
    for (int shade = 0; shade < kSvgShades; ++shade) {
      svg_.path(data[static_cast<size_t>(shade)], fmt::format("line thin q{}", shade));
    }
    svg_.path(line_of(0), "line wide s1");
    draw_names();
    return std::move(svg_).finish(false);
  }

 private:
  double axis_x(size_t axis) const {
    const double step =
        (kParallelWidth - 2 * kSide) / static_cast<double>(axes_.size() - 1);  // at least two
    return kSide + step * static_cast<double>(axis);
  }
  double place_y(double place) const {
    // What a trial does not have lies below the axis.
    if (std::isnan(place)) return kParallelHeight - 8;
    return kParallelHeight - kParallelBottom -
           place * (kParallelHeight - kParallelTop - kParallelBottom);
  }
  size_t shade_of(size_t rank) const {
    const double part = static_cast<double>(rank) / static_cast<double>(trials_.scores.size());
    return static_cast<size_t>((1 - part) * (kSvgShades - 1e-9));
  }
  std::string line_of(size_t trial) const {
    std::vector<SvgPoint> points;
    for (size_t a = 0; a < axes_.size(); ++a) {
      points.push_back({axis_x(a), place_y(axes_[a]->place(trial))});
    }
    return polyline(points);
  }
  std::string best_words() const {
    std::string text;
    for (const ParamColumn* column : axes_) {
      const double value = column->values[0];
      if (std::isnan(value)) continue;
      text += (text.empty() ? "" : ", ") + column->name + " ";
      text += column->is_number ? fmt::format("{:.4g}", value)
                                : column->choices[static_cast<size_t>(value)];
    }
    return text;
  }
  void draw_axes() {
    for (size_t a = 0; a < axes_.size(); ++a) {
      svg_.line({axis_x(a), kParallelTop}, {axis_x(a), kParallelHeight - kParallelBottom}, "edge");
    }
  }
  void draw_names() {
    for (size_t a = 0; a < axes_.size(); ++a) {
      const ParamColumn& column = *axes_[a];
      const double x = axis_x(a);
      // Names of neighbours stand on two levels.
      const bool last = a + 1 == axes_.size();
      const TextAnchor anchor = a == 0 ? TextAnchor::kStart
                                : last ? TextAnchor::kEnd
                                       : TextAnchor::kMiddle;
      const double shift = a == 0 ? 6 - kSide : last ? kSide - 6 : 0;
      svg_.text({x + shift, a % 2 == 0 ? 12.0 : 26.0}, anchor, short_label(column.name, 26),
                "bold");
      if (column.is_number) {
        svg_.text({x, kParallelTop - 5}, TextAnchor::kMiddle, end_text(column, true),
                  "small faint");
        svg_.text({x, kParallelHeight - kParallelBottom + 13}, TextAnchor::kMiddle,
                  end_text(column, false) + (column.log ? " (log)" : ""), "small faint");
        continue;
      }
      const size_t stride = (column.choices.size() + kChoices - 1) / kChoices;
      for (size_t i = 0; i < column.choices.size(); i += stride) {
        const double place = column.high > 0 ? static_cast<double>(i) / column.high : 0;
        svg_.text({x + (last ? -5 : 5), place_y(place) + 4},
                  last ? TextAnchor::kEnd : TextAnchor::kStart, short_label(column.choices[i], 12),
                  "small");
      }
    }
  }

  const LearnerTrials& trials_;
  std::vector<const ParamColumn*> axes_;
  Svg svg_;
};

// With one hyper-parameter alone there is nothing parallel: scores over its values.
Figure single_figure(const LearnerTrials& trials, const std::string& metric, Figure figure) {
  const ParamColumn& column = trials.columns[0];
  PlotSpec spec;
  spec.width = kParallelWidth;
  spec.height = kParallelHeight;
  spec.title = fmt::format("{} of {} by {}", metric, trials.learner, column.name);
  spec.x = column.log ? log_axis(column.low, column.high) : round_axis(column.low, column.high, 8);
  const auto [low, high] = std::minmax_element(trials.scores.begin(), trials.scores.end());
  spec.y = round_axis(*low, *high, 5);
  spec.x_name = column.name;
  spec.y_name = metric;
  spec.description = fmt::format("{} trials; the best has {}.", trials.scores.size(),
                                 score_text(trials.scores[0]));
  Plot plot(spec);
  std::vector<SvgPoint> points;
  for (size_t i = 1; i < trials.scores.size(); ++i) {
    if (!std::isnan(column.values[i]))
      points.push_back(plot.at(column.values[i], trials.scores[i]));
  }
  plot.svg().dots(points, 3.2, "q5");
  if (!std::isnan(column.values[0])) {
    const SvgPoint best = plot.at(column.values[0], trials.scores[0]);
    plot.svg().dots({&best, 1}, 4.5, "s1");
  }
  figure.svg = std::move(plot).finish();
  figure.legend = {{LegendItem::Mark::kDot, "c1",
                    fmt::format("best trial ({} {})", metric, score_text(trials.scores[0]))}};
  return figure;
}

}  // namespace

Figure parallel_figure(const LearnerTrials& trials, const std::string& metric) {
  Figure figure;
  figure.title = fmt::format("{}: {} trials", trials.learner, trials.scores.size());
  if (trials.scores.size() < 3 || trials.columns.empty()) {
    figure.note = trials.columns.empty() ? "no hyper-parameter had more than one value."
                                         : "fewer than 3 trials.";
    return figure;
  }
  if (trials.columns.size() == 1 && trials.columns[0].is_number) {
    return single_figure(trials, metric, std::move(figure));
  }
  const std::vector<const ParamColumn*> axes = choose_axes(trials);
  if (axes.size() == 1) {
    figure.note = "one hyper-parameter alone varied, and it is no number.";
    return figure;
  }
  const std::vector<size_t> lines = choose_lines(trials.scores.size());
  figure.svg = ParallelPicture(trials, axes).draw(lines);
  figure.legend = {{LegendItem::Mark::kLine, "c1",
                    fmt::format("best trial ({} {})", metric, score_text(trials.scores[0]))},
                   {LegendItem::Mark::kLine, "q7", "better half, the stronger the better"},
                   {LegendItem::Mark::kLine, "q1", "worse half"}};
  std::string note;
  if (axes.size() < trials.columns.size()) {
    note = fmt::format("The {} most important of {} hyper-parameters that varied. ", axes.size(),
                       trials.columns.size());
  }
  if (lines.size() < trials.scores.size()) {
    note += fmt::format(
        "{} of {} trials are drawn: the best {} and evenly chosen "
        "others. ",
        lines.size(), trials.scores.size(), kBestLines);
  }
  const bool gaps = std::any_of(axes.begin(), axes.end(), [](const ParamColumn* column) {
    return std::any_of(column->values.begin(), column->values.end(),
                       [](double value) { return std::isnan(value); });
  });
  if (gaps) note += "Lines that leave an axis below do not have the parameter.";
  figure.note = note;
  return figure;
}

}  // namespace assay::automl
