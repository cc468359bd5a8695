// What the catalog knows about a run: its attributes, parameters, tags, and a few numbers about
// each metric. It is kept in the seal of the run file, so that the catalog can be rebuilt without
// HDF5, and in the catalog. Plain values.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "kernels/base/file_layer.h"
#include "kernels/base/status.h"
#include "tracking/run_record.h"

namespace assay::tracking {

// Texts of parameters and tags are cut to so many bytes here, at the end of a character. What is
// not UTF-8 becomes U+FFFD.
inline constexpr size_t kComparedTextBytes = 1024;
// Characters of a trend.
inline constexpr size_t kTrendPoints = 20;

struct MetricStats {
  double last = 0;      // the value logged last
  double least = 0;     // NaN is skipped; NaN if there is nothing else
  double greatest = 0;  // likewise
  int64_t count = 0;    // 0: declared, no value yet; then the others mean nothing
  bool operator==(const MetricStats&) const;
};

struct RunSummary {
  RunInfo info{};         // the message cut to 4,096 bytes
  std::string dataset{};  // name of the data set whose role is train, else of the first
  std::string device{};   // tag, else parameter, `device`
  // The course of the main metric (or, if that has less than two points, of `<metric>/fold`): a
  // digit 0 (least) to 7 (greatest) for each of up to kTrendPoints equal parts of the points, '-'
  // where there is no number.
  std::string trend{};
  std::map<std::string, Value> params{};
  std::map<std::string, Value> tags{};
  std::map<std::string, MetricStats> metrics{};
};

RunSummary summary_of(const RunRecord& record);
MetricStats stats_of(const std::vector<MetricPoint>& points);
std::string trend_of(const std::vector<MetricPoint>& points);

// Of a run file: from its seal, or from the HDF5 part of files that have no details there.
// Status is as recorded. Fails: as read_run().
Result<RunSummary> read_run_summary(FileLayer& files, const std::string& path);

}  // namespace assay::tracking
