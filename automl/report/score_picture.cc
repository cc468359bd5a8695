// The vertical axis leaves out scores that are so bad that they would flatten the rest (the
// baseline often is): it spans from the best score to twice as far as the median lies from it.
// What is worse sits on the edge, hollow. What breaks a constraint is a hollow diamond.
#include "automl/report/score_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "automl/report/text_table.h"

namespace assay::automl {
namespace {

constexpr double kLegendWidth = 150;

struct Point {
  double x = 0;
  double score = 0;
  std::string learner;
  bool ranked = true;
};

class Picture {
 public:
  Picture(const Leaderboard& board, PictureAxis axis, bool alone)
      : board_(board), axis_(axis), alone_(alone), colours_(learner_colours(board)) {
    for (const LeaderboardRow& row : board.rows) {
      if (row.trial < 0 && row.score) ensemble_ = row.score;
      if (!row.score || row.trial < 0) continue;
      const double x =
          axis == PictureAxis::kSeconds ? row.ended_seconds : static_cast<double>(row.trial);
      points_.push_back({x, *row.score, row.learner, is_ranked(row)});
    }
    std::stable_sort(points_.begin(), points_.end(),
                     [](const Point& a, const Point& b) { return a.x < b.x; });
  }

  std::string draw() {
    if (points_.empty()) return {};
    PlotSpec spec;
    spec.width = alone_ ? 760 : 460;
    spec.height = alone_ ? 340 : 300;
    spec.right = alone_ ? kLegendWidth : 16;
    spec.title = fmt::format("{} by {}", board_.metric, x_name());
    spec.description = description();
    spec.y_name = alone_ ? spec.title : board_.metric;
    spec.x_name = x_name();
    choose_axes(spec);
    Plot plot(spec);
    y_ = spec.y;
    draw_best(plot);
    draw_points(plot);
    if (alone_) draw_legend(plot);
    return std::move(plot).finish(alone_);
  }

  std::vector<LegendItem> legend() const {
    std::vector<LegendItem> items;
    for (const auto& entry : colours_) {
      const bool drawn = std::any_of(points_.begin(), points_.end(), [&](const Point& point) {
        return point.learner == entry.first;
      });
      if (drawn) items.push_back({LegendItem::Mark::kDot, fill_class(entry.second), entry.first});
    }
    if (std::any_of(points_.begin(), points_.end(),
                    [](const Point& point) { return !point.ranked; })) {
      items.push_back({LegendItem::Mark::kDiamond, "hollow ink", std::string(kOverLimitLabel)});
    }
    items.push_back({LegendItem::Mark::kLine, "ink", "best so far"});
    if (ensemble_) items.push_back({LegendItem::Mark::kDash, "ink", "ensemble"});
    return items;
  }
  bool has_hollow() const {
    return std::any_of(points_.begin(), points_.end(),
                       [&](const Point& point) { return !inside(point.score); });
  }

 private:
  std::string x_name() const {
    return axis_ == PictureAxis::kSeconds ? "seconds since the start" : "trial";
  }
  bool better(double a, double b) const { return board_.maximise ? a > b : a < b; }
  bool inside(double score) const { return score >= y_.low && score <= y_.high; }

  std::string description() const {
    double best = points_.front().score;
    for (const Point& point : points_) best = better(point.score, best) ? point.score : best;
    std::string text =
        fmt::format("{} trials with a score; the first has {}, the best {}", points_.size(),
                    score_text(points_.front().score), score_text(best));
    if (ensemble_) text += fmt::format("; the ensemble has {}", score_text(*ensemble_));
    return text + ".";
  }

  void choose_axes(PlotSpec& spec) const {
    spec.x = round_axis(0, std::max(points_.back().x, 1e-3), 6);
    if (axis_ == PictureAxis::kTrials && spec.x.step < 1) {
      spec.x = {0, std::max(1.0, std::ceil(points_.back().x)), 1};
    }
    std::vector<double> scores;
    for (const Point& point : points_) scores.push_back(point.score);
    if (ensemble_) scores.push_back(*ensemble_);
    std::sort(scores.begin(), scores.end(), [&](double a, double b) { return better(a, b); });
    const double best = scores.front();
    const double median = scores[scores.size() / 2];
    const double reach = best + 2 * (median - best);
    const double worst = better(scores.back(), reach) ? scores.back() : reach;
    spec.y = round_axis(std::min(best, worst), std::max(best, worst), 5);
  }

  void draw_best(Plot& plot) {
    std::optional<double> best;
    std::vector<SvgPoint> steps;
    for (const Point& point : points_) {
      if (!point.ranked || (best && !better(point.score, *best))) continue;
      best = point.score;
      steps.push_back(plot.at(point.x, *best));
    }
    if (best) steps.push_back({plot.right(), plot.y(*best)});
    plot.svg().path(stairs(steps), "ink");
    if (!ensemble_) return;
    const double y = plot.y(*ensemble_);
    plot.svg().line({plot.left(), y}, {plot.right(), y}, "ink dash");
  }

  void draw_points(Plot& plot) {
    for (const auto& [learner, colour] : colours_) {
      std::vector<SvgPoint> places;
      for (const Point& point : points_) {
        if (point.learner == learner && inside(point.score) && point.ranked) {
          places.push_back(plot.at(point.x, point.score));
        }
      }
      plot.svg().dots(places, kDotRadius, line_class(colour));
    }
    for (const Point& point : points_) {
      if (!point.ranked) {
        plot.svg().path(diamond(plot.at(point.x, point.score), kDotRadius + 1),
                        "hollow " + line_class(colours_.at(point.learner)));
        continue;
      }
      if (inside(point.score)) continue;
      plot.svg().circle(plot.at(point.x, point.score), kDotRadius,
                        "hollow " + line_class(colours_.at(point.learner)));
    }
  }

  void draw_legend(Plot& plot) const {
    double y = plot.top() + 6;
    const double x = plot.right() + 16;
    for (const LegendItem& item : legend()) {
      if (item.mark == LegendItem::Mark::kDot) {
        plot.svg().circle({x, y - 4}, 4, item.colour);
      } else if (item.mark == LegendItem::Mark::kDiamond) {
        plot.svg().path(diamond({x, y - 4}, 4.2), item.colour);
      } else {
        plot.svg().line({x - 5, y - 4}, {x + 5, y - 4},
                        item.mark == LegendItem::Mark::kDash ? "ink dash" : "ink");
      }
      plot.svg().text({x + 10, y}, TextAnchor::kStart, short_label(item.label, 18));
      y += 18;
    }
  }

  const Leaderboard& board_;
  PictureAxis axis_;
  bool alone_;
  std::map<std::string, size_t> colours_;
  std::optional<double> ensemble_;
  std::vector<Point> points_;
  Axis y_;
};

}  // namespace

std::map<std::string, size_t> learner_colours(const Leaderboard& board) {
  std::map<std::string, size_t> colours;
  for (const LeaderboardRow& row : board.rows) {
    if (row.trial >= 0) colours.emplace(row.learner, 0);
  }
  size_t next = 0;
  for (auto& [learner, colour] : colours) colour = next++;
  return colours;
}

std::string score_picture(const Leaderboard& board, PictureAxis axis) {
  return Picture(board, axis, true).draw();
}

Figure history_figure(const Leaderboard& board, PictureAxis axis) {
  Picture picture(board, axis, false);
  Figure figure;
  figure.title = axis == PictureAxis::kSeconds ? "Score over time" : "Score by trial";
  figure.svg = picture.draw();
  if (figure.svg.empty()) {
    figure.note = "No trial has a score.";
    return figure;
  }
  figure.legend = picture.legend();
  if (picture.has_hollow()) figure.note = "Hollow marks at the edge are beyond the axis.";
  return figure;
}

}  // namespace assay::automl
