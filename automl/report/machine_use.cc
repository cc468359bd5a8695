#include "automl/report/machine_use.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <optional>
#include <string_view>

#include "automl/report/text_table.h"

namespace assay::automl {
namespace {

using tracking::MetricPoint;
using tracking::RunRecord;
using Points = std::vector<MetricPoint>;

constexpr std::string_view kGpu = "system/gpu";
constexpr std::string_view kPercent = "_percent";
constexpr std::string_view kMemory = "_memory_bytes";
// Neighbours are averaged until a line has no more points than this.
constexpr size_t kMostPoints = 600;
// A line is broken where points lie this many times as far apart as usual.
constexpr double kUsualGaps = 4;

const Points* points_of(const RunRecord& run, const std::string& key) {
  const auto found = run.metrics.find(key);
  return found == run.metrics.end() || found->second.empty() ? nullptr : &found->second;
}

// The metrics system/gpu<n><ending> by n.
std::map<int, const Points*> gpu_points(const RunRecord& run, std::string_view ending) {
  std::map<int, const Points*> found;
  for (const auto& [key, points] : run.metrics) {
    if (points.empty() || !key.starts_with(kGpu) || !key.ends_with(ending)) continue;
    const std::string number = key.substr(kGpu.size(), key.size() - kGpu.size() - ending.size());
    const bool digits = std::all_of(number.begin(), number.end(),
                                    [](unsigned char c) { return std::isdigit(c) != 0; });
    if (number.empty() || number.size() > 4 || !digits) continue;
    found[std::stoi(number)] = &points;
  }
  return found;
}

// Processors that the run could use; 1 if its record does not say.
double usable_cpus(const RunRecord& run) {
  const auto found = run.environment.find("usable_cpu_count");
  if (found == run.environment.end()) return 1;
  const auto* count = std::get_if<int64_t>(&found->second.data());
  return count == nullptr ? 1 : static_cast<double>(std::max<int64_t>(*count, 1));
}

BusyTime busy_time(std::string name, const RunRecord& run, const Points& points, double whole) {
  BusyTime busy{std::move(name), {}};
  const double start = static_cast<double>(run.info.created_ns) * 1e-9;
  for (const MetricPoint& point : points) {
    if (!std::isfinite(point.time) || !std::isfinite(point.value)) continue;
    busy.points.emplace_back(std::max(0.0, point.time - start), point.value / whole);
  }
  std::stable_sort(busy.points.begin(), busy.points.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  return busy;
}

std::vector<std::pair<double, double>> thinned(const std::vector<std::pair<double, double>>& all) {
  const size_t each = (all.size() + kMostPoints - 1) / kMostPoints;
  if (each <= 1) return all;
  std::vector<std::pair<double, double>> means;
  for (size_t begin = 0; begin < all.size(); begin += each) {
    const size_t end = std::min(begin + each, all.size());
    std::pair<double, double> sum;
    for (size_t i = begin; i < end; ++i) {
      sum.first += all[i].first;
      sum.second += all[i].second;
    }
    const auto count = static_cast<double>(end - begin);
    means.emplace_back(sum.first / count, sum.second / count);
  }
  return means;
}

// The usual distance of points; at least two.
double usual_step(const std::vector<std::pair<double, double>>& points) {
  std::vector<double> steps;
  for (size_t i = 1; i < points.size(); ++i) {
    steps.push_back(points[i].first - points[i - 1].first);
  }
  std::sort(steps.begin(), steps.end());
  return steps[steps.size() / 2];
}

std::string line_of(const Plot& plot, const std::vector<std::pair<double, double>>& points) {
  std::string data;
  std::vector<SvgPoint> part;
  const double widest = kUsualGaps * usual_step(points);
  for (size_t i = 0; i < points.size(); ++i) {
    if (i > 0 && points[i].first - points[i - 1].first > widest) {
      data += polyline(part);
      part.clear();
    }
    part.push_back(plot.at(points[i].first, points[i].second));
  }
  return data + polyline(part);
}

// Nothing without a number among them.
std::optional<std::pair<double, double>> mean_and_most(const Points& points) {
  double count = 0;
  double sum = 0;
  double most = 0;
  for (const MetricPoint& point : points) {
    if (!std::isfinite(point.value)) continue;
    most = count == 0 ? point.value : std::max(most, point.value);
    sum += point.value;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return std::pair(sum / count, most);
}

}  // namespace

std::vector<BusyTime> busy_times(const RunRecord& run) {
  std::vector<BusyTime> busy;
  if (const Points* cpu = points_of(run, "system/cpu_percent"); cpu != nullptr) {
    busy.push_back(busy_time("processors", run, *cpu, usable_cpus(run)));
  }
  for (const auto& [number, points] : gpu_points(run, kPercent)) {
    busy.push_back(busy_time(fmt::format("GPU {}", number), run, *points, 1));
  }
  return busy;
}

Figure busy_figure(const RunRecord& run, double end) {
  Figure figure;
  figure.title = "Use of the machine";
  std::vector<BusyTime> busy = busy_times(run);
  std::erase_if(busy, [](const BusyTime& line) { return line.points.size() < 2; });
  if (busy.empty()) return figure;
  for (const BusyTime& line : busy) end = std::max(end, line.points.back().first);
  PlotSpec spec;
  spec.width = 900;
  spec.height = 220;
  spec.title = figure.title;
  spec.x = tight_axis(0, std::max(end, 1e-3), 10);
  spec.y = round_axis(0, 100, 5);
  spec.x_name = "seconds since the sweep began";
  spec.y_name = "busy, %";
  spec.description =
      fmt::format("How busy {} resources were over {}.", busy.size(), duration_text(end));
  Plot plot(spec);
  for (size_t i = 0; i < busy.size(); ++i) {
    plot.svg().path(line_of(plot, thinned(busy[i].points)), "line thin " + line_class(i));
    figure.legend.push_back({LegendItem::Mark::kLine, fill_class(i), busy[i].name});
  }
  figure.svg = std::move(plot).finish();
  figure.note =
      "Processors: of all that the run could use. A GPU is busy while any kernel runs on it.";
  return figure;
}

HtmlTable machine_table(const RunRecord& run) {
  HtmlTable table;
  table.caption = "Use of the machine during the sweep.";
  table.columns = {{"what", false}, {"mean", true}, {"most", true}};
  const auto add = [&](std::string name, const Points* points, double percent_of) {
    const auto known = points == nullptr ? std::nullopt : mean_and_most(*points);
    if (!known) return;
    const auto text = [&](double value) {
      return percent_of > 0 ? fmt::format("{:.0f} %", value / percent_of) : size_text(value);
    };
    table.rows.push_back({std::move(name), text(known->first), text(known->second)});
  };
  add("processors busy", points_of(run, "system/cpu_percent"), usable_cpus(run));
  add("memory of the process", points_of(run, "system/rss_bytes"), 0);
  for (const auto& [number, points] : gpu_points(run, kPercent)) {
    add(fmt::format("GPU {} busy", number), points, 1);
  }
  for (const auto& [number, points] : gpu_points(run, kMemory)) {
    add(fmt::format("memory of GPU {}, of all processes", number), points, 0);
  }
  return table;
}

}  // namespace assay::automl
