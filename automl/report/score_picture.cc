// The vertical axis leaves out scores that are so bad that they would flatten the rest (the
// baseline often is): it spans from the best score to twice as far as the median lies from it.
// What is worse sits on the lower edge, hollow.
#include "automl/report/score_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

namespace assay::automl {
namespace {

constexpr double kWidth = 760;
constexpr double kHeight = 340;
constexpr double kLeft = 78;
constexpr double kRight = 150;  // the legend
constexpr double kTop = 36;
constexpr double kBottom = 46;
// Colours that colour-blind people tell apart (Okabe and Ito).
constexpr std::array<std::string_view, 7> kColours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                      "#56b4e9", "#e69f00", "#666666"};

struct Point {
  double x = 0;
  double score = 0;
  std::string learner;
};

struct Axis {
  double low = 0;
  double high = 1;
  double step = 1;
};

// A range in round steps (1, 2 or 5 times a power of ten) that covers low..high.
Axis round_axis(double low, double high, int parts) {
  if (!(high > low)) {
    const double margin = std::max(std::abs(low) * 1e-3, 1e-6);
    low -= margin;
    high += margin;
  }
  const double raw = (high - low) / parts;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double factor : {5.0, 2.0, 1.0}) {
    if (factor * power >= raw * 0.999) step = factor * power;
  }
  return {std::floor(low / step) * step, std::ceil(high / step) * step, step};
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += ' ';
    } else {
      out += c;
    }
  }
  return out;
}

std::string tick_text(double value, double step) {
  const int digits = std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 9);
  return fmt::format("{:.{}f}", value + 0.0, digits);
}

class Picture {
 public:
  Picture(const Leaderboard& board, PictureAxis axis) : board_(board), axis_(axis) {
    for (const LeaderboardRow& row : board.rows) {
      if (!row.score || row.trial < 0) continue;
      const double x =
          axis == PictureAxis::kSeconds ? row.ended_seconds : static_cast<double>(row.trial);
      points_.push_back({x, *row.score, row.learner});
    }
    std::stable_sort(points_.begin(), points_.end(),
                     [](const Point& a, const Point& b) { return a.x < b.x; });
  }

  std::string draw() {
    if (points_.empty()) return {};
    choose_axes();
    out_ = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
        "height=\"{1}\" font-family=\"sans-serif\" font-size=\"12\">\n"
        "<rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>\n",
        kWidth, kHeight);
    text(kLeft, 22, "start", fmt::format("{} by {}", board_.metric, x_name()), "#222222");
    draw_grid();
    draw_best();
    draw_points();
    out_ += "</svg>\n";
    return std::move(out_);
  }

 private:
  std::string x_name() const {
    return axis_ == PictureAxis::kSeconds ? "seconds since the start" : "trial";
  }
  bool better(double a, double b) const { return board_.maximise ? a > b : a < b; }
  double px(double x) const {
    return kLeft + (x - x_.low) / (x_.high - x_.low) * (kWidth - kLeft - kRight);
  }
  double py(double y) const {
    const double part = std::clamp((y - y_.low) / (y_.high - y_.low), 0.0, 1.0);
    return kHeight - kBottom - part * (kHeight - kTop - kBottom);
  }
  bool inside(double y) const { return y >= y_.low && y <= y_.high; }

  void choose_axes() {
    x_ = round_axis(0, std::max(points_.back().x, 1e-3), 6);
    std::vector<double> scores;
    for (const Point& point : points_) scores.push_back(point.score);
    if (const std::optional<double> ensemble = ensemble_score()) scores.push_back(*ensemble);
    std::sort(scores.begin(), scores.end(), [&](double a, double b) { return better(a, b); });
    const double best = scores.front();
    const double median = scores[scores.size() / 2];
    const double reach = best + 2 * (median - best);
    const double worst = better(scores.back(), reach) ? scores.back() : reach;
    y_ = round_axis(std::min(best, worst), std::max(best, worst), 5);
  }

  std::optional<double> ensemble_score() const {
    for (const LeaderboardRow& row : board_.rows) {
      if (row.trial < 0 && row.score) return row.score;
    }
    return std::nullopt;
  }

  void text(double x, double y, std::string_view anchor, std::string_view words,
            std::string_view colour) {
    out_ +=
        fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" fill=\"{}\">{}</text>\n", x,
                    y, anchor, colour, escaped(words));
  }

  void line(double x1, double y1, double x2, double y2, std::string_view style) {
    out_ += fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" {}/>\n", x1,
                        y1, x2, y2, style);
  }

  void draw_grid() {
    const auto rows = static_cast<int>(std::lround((y_.high - y_.low) / y_.step));
    for (int i = 0; i <= rows; ++i) {
      const double y = y_.low + i * y_.step;
      line(kLeft, py(y), kWidth - kRight, py(y), "stroke=\"#e3e3e3\"");
      text(kLeft - 8, py(y) + 4, "end", tick_text(y, y_.step), "#555555");
    }
    const auto columns = static_cast<int>(std::lround((x_.high - x_.low) / x_.step));
    for (int i = 0; i <= columns; ++i) {
      const double x = x_.low + i * x_.step;
      line(px(x), kHeight - kBottom, px(x), kHeight - kBottom + 4, "stroke=\"#888888\"");
      text(px(x), kHeight - kBottom + 18, "middle", tick_text(x, x_.step), "#555555");
    }
    line(kLeft, kHeight - kBottom, kWidth - kRight, kHeight - kBottom, "stroke=\"#888888\"");
    text((kLeft + kWidth - kRight) / 2, kHeight - 10, "middle", x_name(), "#555555");
  }

  void draw_best() {
    double best = points_.front().score;
    std::string path = fmt::format("M{:.1f},{:.1f}", px(points_.front().x), py(best));
    for (const Point& point : points_) {
      if (!better(point.score, best)) continue;
      path += fmt::format("H{:.1f}", px(point.x));
      best = point.score;
      path += fmt::format("V{:.1f}", py(best));
    }
    path += fmt::format("H{:.1f}", kWidth - kRight);
    out_ += fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"#222222\" stroke-width=\"1.5\"/>\n",
                        path);
    if (const std::optional<double> score = ensemble_score()) {
      line(kLeft, py(*score), kWidth - kRight, py(*score),
           "stroke=\"#222222\" stroke-dasharray=\"5 4\"");
    }
  }

  void draw_points() {
    std::map<std::string, std::string_view> colours;
    for (const Point& point : points_) colours.emplace(point.learner, "");
    size_t next = 0;
    double legend = kTop + 6;
    const double x = kWidth - kRight + 16;
    for (auto& [learner, colour] : colours) {
      colour = kColours[std::min(next++, kColours.size() - 1)];
      out_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" fill=\"{}\"/>\n", x,
                          legend - 4, colour);
      text(x + 10, legend, "start", learner, "#222222");
      legend += 18;
    }
    line(x - 5, legend - 4, x + 5, legend - 4, "stroke=\"#222222\" stroke-width=\"1.5\"");
    text(x + 10, legend, "start", "best so far", "#222222");
    if (ensemble_score()) {
      legend += 18;
      line(x - 5, legend - 4, x + 5, legend - 4, "stroke=\"#222222\" stroke-dasharray=\"5 4\"");
      text(x + 10, legend, "start", "ensemble", "#222222");
    }
    for (const Point& point : points_) {
      const std::string_view colour = colours.at(point.learner);
      out_ += fmt::format(
          "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\" fill=\"{}\" stroke=\"{}\"/>\n",
          px(point.x), py(point.score), inside(point.score) ? colour : "#ffffff", colour);
    }
  }

  const Leaderboard& board_;
  PictureAxis axis_;
  std::vector<Point> points_;
  Axis x_;
  Axis y_;
  std::string out_;
};

}  // namespace

std::string score_picture(const Leaderboard& board, PictureAxis axis) {
  return Picture(board, axis).draw();
}

}  // namespace assay::automl
