#include "automl/report/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "automl/report/text_table.h"

namespace assay::automl {
namespace {

constexpr double kTop = 34;     // the name of the vertical axis stands above it
constexpr double kBottom = 46;  // ticks, and the name of the horizontal axis
constexpr double kTickGap = 8;

}  // namespace

std::string diamond(SvgPoint centre, double radius) {
  const std::string x = svg_number(centre.x);
  const std::string y = svg_number(centre.y);
  return fmt::format("M{} {}L{} {}L{} {}L{} {}Z", x, svg_number(centre.y - radius),
                     svg_number(centre.x + radius), y, x, svg_number(centre.y + radius),
                     svg_number(centre.x - radius), y);
}

double label_width(std::string_view text) { return 6.7 * text_width(std::string(text)); }

Plot::Plot(const PlotSpec& spec)
    : x_(spec.x), y_(spec.y), svg_(spec.width, spec.height, spec.title, spec.description) {
  const std::vector<Tick> rows = ticks_of(spec.y);
  double widest = 0;
  for (const Tick& tick : rows) widest = std::max(widest, label_width(tick.text));
  left_ = std::max(30.0, widest + kTickGap + 6);
  right_ = spec.width - spec.right;
  top_ = spec.y_name.empty() ? 14 : kTop;
  bottom_ = spec.height - (spec.x_name.empty() ? 26 : kBottom);
  for (const Tick& tick : rows) {
    const double at = y(tick.value);
    svg_.line({left_, at}, {right_, at}, "rule");
    svg_.text({left_ - kTickGap, at + 4}, TextAnchor::kEnd, tick.text, "faint");
  }
  double taken = -1e9;  // where the last label ends
  for (const Tick& tick : ticks_of(spec.x)) {
    const double at = x(tick.value);
    svg_.line({at, bottom_}, {at, bottom_ + 4}, "edge");
    const double half = label_width(tick.text) / 2;
    if (at - half < taken + 4 || at + half > spec.width) continue;
    svg_.text({at, bottom_ + 17}, TextAnchor::kMiddle, tick.text, "faint");
    taken = at + half;
  }
  svg_.line({left_, bottom_}, {right_, bottom_}, "edge");
  if (!spec.y_name.empty()) svg_.text({4, 16}, TextAnchor::kStart, spec.y_name, "bold");
  if (!spec.x_name.empty()) {
    svg_.text({(left_ + right_) / 2, spec.height - 8}, TextAnchor::kMiddle, spec.x_name, "faint");
  }
}

double Plot::x(double value) const {
  const double part = x_.place(value);
  return left_ + (std::isfinite(part) ? std::clamp(part, 0.0, 1.0) : 0.0) * (right_ - left_);
}

double Plot::y(double value) const {
  const double part = y_.place(value);
  return bottom_ - (std::isfinite(part) ? std::clamp(part, 0.0, 1.0) : 0.0) * (bottom_ - top_);
}

}  // namespace assay::automl
