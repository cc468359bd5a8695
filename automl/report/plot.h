// A figure and the frame that most of them are drawn in: two axes with grid, ticks and names. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "automl/report/axis.h"
#include "automl/report/svg.h"

namespace assay::automl {

struct LegendItem {
  enum class Mark { kDot, kLine, kDash, kDiamond };
  Mark mark = Mark::kDot;
  std::string colour;  // "c0" to "c6", "q0" to "q7" of lines, or "ink"
  std::string label;
};

// A picture with what stands around it. Without a picture, `note` says why there is none.
struct Figure {
  std::string title;
  std::string svg;
  std::vector<LegendItem> legend;
  std::string note;  // how to read it, or what was left out
};

// Bounds of the drawing: the picture has `width` x `height`, and `right` units are kept free at the
// right edge (a legend).
struct PlotSpec {
  double width = 460;
  double height = 300;
  double right = 16;
  std::string title;
  std::string description;
  Axis x;
  Axis y;
  std::string x_name;
  std::string y_name;
};

class Plot {
 public:
  // Draws grid, ticks and names.
  explicit Plot(const PlotSpec& spec);

  // Where values lie; held within the frame.
  double x(double value) const;
  double y(double value) const;
  SvgPoint at(double x_value, double y_value) const { return {x(x_value), y(y_value)}; }
  double left() const { return left_; }
  double right() const { return right_; }
  double top() const { return top_; }
  double bottom() const { return bottom_; }
  Svg& svg() { return svg_; }
  std::string finish(bool alone = false) && { return std::move(svg_).finish(alone); }

 private:
  Axis x_;
  Axis y_;
  double left_ = 0;
  double right_ = 0;
  double top_ = 0;
  double bottom_ = 0;
  Svg svg_;
};

inline constexpr double kDotRadius = 3.2;

// Path data of a hollow mark for what breaks a constraint; drawn with class "hollow" and a line's.
std::string diamond(SvgPoint centre, double radius);
// What legends call it.
inline constexpr std::string_view kOverLimitLabel = "over a limit";

// Units that text takes, by estimate, at 12 units a line.
double label_width(std::string_view text);

}  // namespace assay::automl
