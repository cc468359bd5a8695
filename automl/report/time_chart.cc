#include "automl/report/time_chart.h"

#include <fmt/format.h>

#include <algorithm>

#include "automl/report/text_table.h"

namespace assay::automl {
namespace {

constexpr double kTimeWidth = 900;
constexpr double kLane = 24;
constexpr double kLeft = 56;
constexpr double kTimeRight = 12;
constexpr double kTimeBottom = 42;
constexpr size_t kMostLanes = 32;
// A slot takes its next trial a moment after the one before has ended, never before.
constexpr double kOverlap = 1e-4;

}  // namespace

std::vector<size_t> slot_lanes(std::span<const TrialTime> times) {
  std::vector<double> ends;
  std::vector<size_t> lanes;
  for (const TrialTime& time : times) {
    size_t lane = 0;
    while (lane < ends.size() && ends[lane] > time.begin + kOverlap) ++lane;
    if (lane == ends.size()) ends.push_back(0);
    ends[lane] = time.end;
    lanes.push_back(lane);
  }
  return lanes;
}

Figure timeline_figure(std::span<const TrialTime> times,
                       const std::map<std::string, size_t>& colours, double end) {
  Figure figure;
  figure.title = "Trials by slot";
  if (times.empty()) return figure;
  const std::vector<size_t> lanes = slot_lanes(times);
  const size_t all = *std::max_element(lanes.begin(), lanes.end()) + 1;
  const size_t shown = std::min(all, kMostLanes);
  for (const TrialTime& time : times) end = std::max(end, time.end);
  const Axis axis = tight_axis(0, std::max(end, 1e-3), 10);
  const double height = kLane * static_cast<double>(shown) + kTimeBottom;
  const auto place = [&](double seconds) {
    return kLeft + axis.place(seconds) * (kTimeWidth - kLeft - kTimeRight);
  };
  Svg svg(kTimeWidth, height, figure.title,
          fmt::format("{} trials in {} slots over {}.", times.size(), all, duration_text(end)));
  for (const Tick& tick : ticks_of(axis)) {
    svg.line({place(tick.value), 0}, {place(tick.value), height - kTimeBottom + 4}, "rule");
    svg.text({place(tick.value), height - kTimeBottom + 18}, TextAnchor::kMiddle, tick.text,
             "faint");
  }
  svg.text({(kLeft + kTimeWidth - kTimeRight) / 2, height - 6}, TextAnchor::kMiddle,
           "seconds since the sweep began", "faint");
  for (size_t lane = 0; lane < shown; ++lane) {
    svg.text({kLeft - 8, kLane * (static_cast<double>(lane) + 0.5) + 4}, TextAnchor::kEnd,
             fmt::format("slot {}", lane + 1), "faint");
  }
  for (const auto& [learner, colour] : colours) {
    std::string data;
    for (size_t i = 0; i < times.size(); ++i) {
      if (times[i].learner != learner || lanes[i] >= shown) continue;
      const double begin = place(times[i].begin);
      // A hair of ground between neighbours, but never nothing.
      const double width = std::max(0.4, place(times[i].end) - begin - 0.4);
      data += box_data({begin, kLane * static_cast<double>(lanes[i]) + 3}, width, kLane - 6);
    }
    if (data.empty()) continue;
    svg.path(data, fill_class(colour));
    figure.legend.push_back({LegendItem::Mark::kDot, fill_class(colour), learner});
  }
  figure.svg = std::move(svg).finish(false);
  if (shown < all) figure.note = fmt::format("{} of {} slots are drawn.", shown, all);
  return figure;
}

}  // namespace assay::automl
