#include "automl/report/curve_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "automl/report/text_table.h"

namespace assay::automl {
namespace {

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

}  // namespace

Figure learning_figure(std::span<const LearningCurve> curves) {
  Figure figure;
  figure.title = "Learning curves";
  if (curves.empty()) {
    figure.note = "no trial recorded losses by step.";
    return figure;
  }
  Range steps;
  Range losses;
  Range late;
  for (const LearningCurve& curve : curves) {
    for (const auto& fold : curve.folds) {
      for (const auto& [step, loss] : fold) {
        steps.add(step);
        losses.add(loss);
        if (step >= 0.1 * fold.back().first) late.add(loss);
      }
    }
  }
  const bool cut = late.high > late.low && losses.high - late.low > 3 * (late.high - late.low);
  PlotSpec spec;
  spec.title = figure.title;
  spec.x = steps.low > 0 && steps.high / steps.low > 100
               ? log_axis(steps.low, steps.high)
               : round_axis(0, std::max(1.0, steps.high), 6);
  spec.y = round_axis(losses.low, cut ? late.high : losses.high, 5);
  spec.x_name = "steps: rounds, trees or epochs";
  spec.y_name = "loss on validation rows";
  spec.description = fmt::format("Loss by step of {} trials, from {} down to {}.", curves.size(),
                                 score_text(losses.high), score_text(losses.low));
  Plot plot(spec);
  for (size_t i = curves.size(); i-- > 0;) {
    std::string data;
    for (const auto& fold : curves[i].folds) {
      std::vector<SvgPoint> points;
      for (const auto& [step, loss] : fold) {
        if (loss <= spec.y.high) points.push_back(plot.at(step, loss));
      }
      data += polyline(points);
    }
    plot.svg().path(data, "line thin " + line_class(i));
  }
  for (size_t i = 0; i < curves.size(); ++i) {
    figure.legend.push_back({LegendItem::Mark::kLine, fill_class(i),
                             fmt::format("{} #{}{}", curves[i].learner, curves[i].trial,
                                         curves[i].member ? " (in the model)" : "")});
  }
  figure.svg = std::move(plot).finish();
  figure.note =
      "A line is a fold, a colour a trial. The loss is each learner's own; that of numbers is in "
      "units of the target's spread.";
  if (cut) figure.note += " The greatest losses of the first steps are beyond the axis.";
  return figure;
}

}  // namespace assay::automl
