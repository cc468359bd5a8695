#include "automl/report/bar_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace assay::automl {
namespace {

constexpr double kBarChartWidth = 460;
constexpr double kBarRow = 20;
constexpr int kBarNameLength = 24;
constexpr double kTextRoom = 62;

}  // namespace

Figure bar_figure(const std::string& title, const std::string& what, std::span<const Bar> bars,
                  size_t limit) {
  Figure figure;
  figure.title = title;
  const size_t shown = std::min(bars.size(), limit);
  if (shown == 0) return figure;
  double greatest = 0;
  double names = 0;
  for (const Bar& bar : bars.first(shown)) {
    if (std::isfinite(bar.value)) greatest = std::max(greatest, bar.value);
    names = std::max(names, label_width(short_label(bar.name, kBarNameLength)));
  }
  const double left = std::min(names, 175.0) + 12;
  const double room = kBarChartWidth - left - kTextRoom;
  Svg svg(kBarChartWidth, kBarRow * static_cast<double>(shown) + 6, title,
          fmt::format("{}: first is {} with {}.", what, bars[0].name, bars[0].text));
  for (size_t i = 0; i < shown; ++i) {
    const double y = 3 + kBarRow * static_cast<double>(i);
    const double part = std::isfinite(bars[i].value) && greatest > 0
                            ? std::max(0.0, bars[i].value) / greatest
                            : 0.0;
    svg.text({left - 8, y + 14}, TextAnchor::kEnd, short_label(bars[i].name, kBarNameLength));
    svg.rect({left, y + 3}, std::max(1.0, part * room), kBarRow - 6, "c0");
    svg.text({left + std::max(1.0, part * room) + 6, y + 14}, TextAnchor::kStart, bars[i].text,
             "faint");
  }
  figure.svg = std::move(svg).finish(false);
  if (shown < bars.size()) figure.note = fmt::format("{} more are less.", bars.size() - shown);
  return figure;
}

}  // namespace assay::automl
