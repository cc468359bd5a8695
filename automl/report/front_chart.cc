// As in score_picture.cc the vertical axis leaves out scores that would flatten the rest: those sit
// on its edge, hollow. What breaks a constraint is a hollow diamond.
#include "automl/report/front_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "automl/report/score_picture.h"
#include "automl/report/text_table.h"
#include "automl/scheduler/pareto_front.h"

namespace assay::automl {
namespace {

// Of the horizontal axis, as a factor beyond the fastest and the slowest.
constexpr double kMargin = 1.15;

struct Mark {
  double latency_us = 0;
  double score = 0;
  bool ranked = true;
};

class FrontPicture {
 public:
  explicit FrontPicture(const Leaderboard& board)
      : board_(board), front_(pareto_front(board)), colours_(learner_colours(board)) {
    for (const LeaderboardRow& row : board.rows) {
      if (!row.score || !(row.latency_us > 0)) continue;
      const Mark mark{row.latency_us, *row.score, is_ranked(row)};
      (row.trial >= 0 ? trials_[row.learner] : ensembles_).push_back(mark);
      all_.push_back(mark);
    }
    for (const EnsemblePoint& point : board.path) {
      if (!(point.latency_us > 0)) continue;
      ensembles_.push_back({point.latency_us, point.score});
      all_.push_back(ensembles_.back());
    }
  }

  Figure draw() const {
    Figure figure;
    figure.title = "Score against latency";
    if (all_.empty() || front_.empty()) {
      figure.note = "No model's latency was measured.";
      return figure;
    }
    PlotSpec spec;
    spec.title = fmt::format("{} by the time of one row", board_.metric);
    spec.description =
        fmt::format("{} models; the front goes from {} with {} to {} with {}.", all_.size(),
                    latency_text(front_.front().latency_us), score_text(front_.front().score),
                    latency_text(front_.back().latency_us), score_text(front_.back().score));
    spec.x_name = "microseconds for one row";
    spec.y_name = board_.metric;
    choose_axes(spec);
    Plot plot(spec);
    draw_front(plot);
    bool hollow = false;
    for (const auto& [learner, marks] : trials_) {
      const size_t colour = colours_.at(learner);
      hollow |= draw_marks(plot, spec.y, marks, line_class(colour));
      figure.legend.push_back({LegendItem::Mark::kDot, fill_class(colour), learner});
    }
    for (const Mark& mark : ensembles_) {
      plot.svg().circle(plot.at(mark.latency_us, mark.score), kDotRadius + 1, "ink");
    }
    if (std::any_of(all_.begin(), all_.end(), [](const Mark& mark) { return !mark.ranked; })) {
      figure.legend.push_back(
          {LegendItem::Mark::kDiamond, "hollow ink", std::string(kOverLimitLabel)});
    }
    figure.legend.push_back({LegendItem::Mark::kLine, "ink", "front"});
    figure.svg = std::move(plot).finish();
    figure.note = "Left is faster.";
    if (!ensembles_.empty()) {
      figure.note += " Rings are ensembles: those that selection passed through, and its end.";
    }
    if (hollow) figure.note += " Hollow marks at the edge are beyond the axis.";
    return figure;
  }

 private:
  bool better(double a, double b) const { return board_.maximise ? a > b : a < b; }

  void choose_axes(PlotSpec& spec) const {
    const auto [fastest, slowest] = std::minmax_element(
        all_.begin(), all_.end(),
        [](const Mark& a, const Mark& b) { return a.latency_us < b.latency_us; });
    spec.x = log_axis(fastest->latency_us / kMargin, slowest->latency_us * kMargin);
    std::vector<double> scores;
    for (const Mark& mark : all_) scores.push_back(mark.score);
    std::sort(scores.begin(), scores.end(), [&](double a, double b) { return better(a, b); });
    const double best = scores.front();
    const double reach = best + 2 * (scores[scores.size() / 2] - best);
    const double worst = better(scores.back(), reach) ? scores.back() : reach;
    spec.y = round_axis(std::min(best, worst), std::max(best, worst), 5);
  }

  // Along at a score till something better is fast enough.
  void draw_front(Plot& plot) const {
    std::vector<SvgPoint> steps;
    for (const FrontPoint& point : front_) steps.push_back(plot.at(point.latency_us, point.score));
    steps.push_back({plot.right(), steps.back().y});
    plot.svg().path(stairs(steps), "ink");
  }

  // Whether some are beyond the axis.
  static bool draw_marks(Plot& plot, const Axis& axis, const std::vector<Mark>& marks,
                         const std::string& line) {
    std::vector<SvgPoint> places;
    std::string diamonds;
    bool hollow = false;
    for (const Mark& mark : marks) {
      const SvgPoint place = plot.at(mark.latency_us, mark.score);
      const bool inside = mark.score >= axis.low && mark.score <= axis.high;
      hollow |= !inside;
      if (!mark.ranked) {
        diamonds += diamond(place, kDotRadius + 1);
      } else if (inside) {
        places.push_back(place);
      } else {
        plot.svg().circle(place, kDotRadius, "hollow " + line);
      }
    }
    plot.svg().dots(places, kDotRadius, line);
    plot.svg().path(diamonds, "hollow " + line);
    return hollow;
  }

  const Leaderboard& board_;
  std::vector<FrontPoint> front_;
  std::map<std::string, size_t> colours_;
  std::map<std::string, std::vector<Mark>> trials_;
  std::vector<Mark> ensembles_;
  std::vector<Mark> all_;
};

}  // namespace

Figure front_figure(const Leaderboard& board) { return FrontPicture(board).draw(); }

std::string front_text(const Leaderboard& board, int width) {
  const std::vector<FrontPoint> front = pareto_front(board);
  if (front.size() < 2) return {};
  TextTable table;
  table.add_column("one row", Align::kRight);
  table.add_column(board.metric.empty() ? "score" : board.metric, Align::kRight);
  table.add_column("model");
  for (const FrontPoint& point : front) {
    table.add_row({latency_text(point.latency_us), score_text(point.score), point.name()});
  }
  return table.render(width);
}

}  // namespace assay::automl
