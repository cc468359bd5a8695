#include "tracking/run_summary.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tracking/records_internal.h"
#include "tracking/run_file.h"
#include "tracking/run_seal_internal.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

constexpr size_t kMessageBytes = 4096;
constexpr int kTrendLevels = 8;

bool same_number(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

std::map<std::string, Value> shortened(std::map<std::string, Value> values) {
  for (auto& [key, value] : values) {
    const auto* text = std::get_if<std::string>(&value.data());
    if (text == nullptr) continue;
    // The cut comes first: cleaning can only lengthen what is then cut again.
    value = Value(cut_utf8(clean_utf8(cut_utf8(*text, kComparedTextBytes)), kComparedTextBytes));
  }
  return values;
}

std::string device_of(const RunSummary& summary) {
  for (const auto* values : {&summary.tags, &summary.params}) {
    const auto it = values->find("device");
    if (it != values->end()) return it->second.text();
  }
  return {};
}

std::string dataset_of(const RunRecord& record) {
  if (record.datasets.empty()) return {};
  const auto it = std::find_if(record.datasets.begin(), record.datasets.end(),
                               [](const DatasetUse& use) { return use.role == "train"; });
  const DatasetUse& use = it == record.datasets.end() ? record.datasets.front() : *it;
  return cut_utf8(clean_utf8(use.name), kComparedTextBytes);
}

const std::vector<MetricPoint>* main_curve(const RunRecord& record) {
  const auto main = record.metrics.find(record.info.metric);
  if (main != record.metrics.end() && main->second.size() >= 2) return &main->second;
  // Of a sweep: the best so far, over its trials.
  const auto best = record.metrics.find("best_score");
  if (best != record.metrics.end() && best->second.size() >= 2) return &best->second;
  const auto folds = record.metrics.find(record.info.metric + "/fold");
  if (folds != record.metrics.end() && folds->second.size() >= 2) return &folds->second;
  return main == record.metrics.end() ? nullptr : &main->second;
}

}  // namespace

bool MetricStats::operator==(const MetricStats& other) const {
  return count == other.count && same_number(last, other.last) && same_number(least, other.least) &&
         same_number(greatest, other.greatest);
}

MetricStats stats_of(const std::vector<MetricPoint>& points) {
  MetricStats stats;
  stats.count = static_cast<int64_t>(points.size());
  if (points.empty()) return stats;
  stats.last = points.back().value;
  stats.least = stats.greatest = std::numeric_limits<double>::quiet_NaN();
  for (const MetricPoint& point : points) {
    if (std::isnan(point.value)) continue;
    // Comparisons with the NaN of the beginning are false.
    if (!(stats.least <= point.value)) stats.least = point.value;
    if (!(stats.greatest >= point.value)) stats.greatest = point.value;
  }
  return stats;
}

std::string trend_of(const std::vector<MetricPoint>& points) {
  const size_t parts = std::min(points.size(), kTrendPoints);
  std::vector<double> means;
  for (size_t part = 0; part < parts; ++part) {
    double sum = 0;
    int count = 0;
    for (size_t i = part * points.size() / parts; i < (part + 1) * points.size() / parts; ++i) {
      if (!std::isfinite(points[i].value)) continue;
      sum += points[i].value;
      ++count;
    }
    means.push_back(count > 0 && std::isfinite(sum) ? sum / count
                                                    : std::numeric_limits<double>::quiet_NaN());
  }
  double least = std::numeric_limits<double>::infinity();
  double greatest = -least;
  for (const double mean : means) {
    if (std::isnan(mean)) continue;
    least = std::min(least, mean);
    greatest = std::max(greatest, mean);
  }
  std::string trend;
  for (const double mean : means) {
    // Halves keep the range of the largest numbers finite.
    const double range = greatest / 2 - least / 2;
    const double share = range > 0 ? (mean / 2 - least / 2) / range : 0.5;
    const int level = std::min(kTrendLevels - 1, static_cast<int>(share * kTrendLevels));
    trend += std::isnan(mean) ? '-' : static_cast<char>('0' + level);
  }
  return trend;
}

RunSummary summary_of(const RunRecord& record) {
  RunSummary summary;
  summary.info = record.info;
  summary.info.message = cut_utf8(clean_utf8(record.info.message), kMessageBytes);
  summary.params = shortened(record.params);
  summary.tags = shortened(record.tags);
  for (const auto& [key, points] : record.metrics) summary.metrics[key] = stats_of(points);
  summary.dataset = dataset_of(record);
  summary.device = device_of(summary);
  if (const auto* curve = main_curve(record)) summary.trend = trend_of(*curve);
  return summary;
}

Result<RunSummary> read_run_summary(FileLayer& files, const std::string& path) {
  ASSAY_ASSIGN_OR_RETURN(const std::string text, read_summary(files, path));
  ASSAY_ASSIGN_OR_RETURN(std::optional<RunSummary> summary, parse_run_summary(text, path));
  if (summary) return std::move(*summary);
  ASSAY_ASSIGN_OR_RETURN(const RunRecord record, read_run(files, path));
  return summary_of(record);
}

}  // namespace assay::tracking
