#include "tests/tracking/crash/run_script.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <span>

#include "kernels/base/hash.h"
#include "kernels/base/rng.h"
#include "tests/tracking/crash/ledger.h"

namespace assay::tracking {
namespace {

constexpr int kSlots = 4;               // so many metrics, parameters, tags and artifacts
constexpr int64_t kFewRows = 40;        // of most predictions
constexpr int64_t kManyRows = 140'000;  // more than a megabyte: too large for a journal record
constexpr double kFirstTime = 1e9;
constexpr int64_t kMostChanges = 1'000'000;  // no test makes more

// The number at the end of a text, or -1.
int64_t number_after(std::string_view text, std::string_view mark) {
  const size_t at = text.rfind(mark);
  if (at == std::string_view::npos) return -1;
  int64_t number = -1;
  (void)std::from_chars(text.data() + at + mark.size(), text.data() + text.size(), number);
  return number;
}

bool same_point(const MetricPoint& a, const MetricPoint& b) {
  return a.step == b.step && a.time == b.time && a.value == b.value;
}

// The change that made the table or set, or -1.
int64_t index_of(const NamedTable& table) {
  if (table.columns.empty()) return -1;
  const auto* values = std::get_if<std::vector<int64_t>>(&table.columns[0].values);
  return values != nullptr && !values->empty() ? values->front() : -1;
}

int64_t index_of(const Predictions& set) {
  const auto* values = std::get_if<std::vector<double>>(&set.values);
  return values != nullptr && !values->empty() ? static_cast<int64_t>(values->front()) : -1;
}

template <class T>
bool holds(const std::vector<std::shared_ptr<const T>>& sets, const std::string& name,
           int64_t index) {
  return std::any_of(sets.begin(), sets.end(),
                     [&](const auto& set) { return set->name == name && index_of(*set) >= index; });
}

// The newest change other than points of which the record has a trace, or -1.
int64_t newest_change(const RunRecord& record) {
  int64_t newest = -1;
  const auto note = [&newest](int64_t index) { newest = std::max(newest, index); };
  for (const auto& [key, value] : record.params) {
    if (const auto* number = std::get_if<int64_t>(&value.data())) note(*number);
  }
  for (const auto& [key, value] : record.tags) note(number_after(value.text(), "tag "));
  note(number_after(record.stdout_text, " line "));
  for (const Artifact& artifact : record.artifacts) note(number_after(artifact.media_type, " "));
  if (record.info.score) note(static_cast<int64_t>(*record.info.score));
  for (const auto& table : record.tables) note(index_of(*table));
  for (const auto& set : record.predictions) note(index_of(*set));
  return newest;
}

std::string differing_artifact(const RunRecord& record, const RunRecord& expected) {
  const auto same = [](const Artifact& a, const Artifact& b) {
    return a.path == b.path && a.sha256 == b.sha256 && a.size == b.size &&
           a.media_type == b.media_type;
  };
  const bool equal = std::equal(record.artifacts.begin(), record.artifacts.end(),
                                expected.artifacts.begin(), expected.artifacts.end(), same);
  return equal ? "" : "artifacts differ";
}

}  // namespace

RunScript::RunScript(const std::string& run_name) : seed_(derive_seed(1, run_name)) {}

uint64_t RunScript::draw(int64_t index) const {
  return derive_seed(seed_, "change", static_cast<uint64_t>(index));
}

RunScript::Kind RunScript::kind_of(int64_t index) const {
  const uint64_t number = draw(index) % 200;
  if (number < 110) return Kind::kPoint;
  if (number < 130) return Kind::kPoints;
  if (number < 150) return Kind::kParam;
  if (number < 165) return Kind::kTag;
  if (number < 185) return Kind::kText;
  if (number < 190) return Kind::kArtifact;
  if (number < 196) return Kind::kScore;
  return number < 199 ? Kind::kTable : Kind::kPredictions;
}

double RunScript::value_of(int64_t index) const {
  return static_cast<double>(draw(index) >> 20) * 0x1.0p-44;
}

std::string RunScript::slot_of(int64_t index) const {
  return std::to_string((draw(index) >> 40) % kSlots);
}

std::string RunScript::line_of(int64_t index) const {
  return fmt::format("{:x} line {}\n", draw(index), index);
}

std::string RunScript::artifact_of(int64_t index) const {
  return fmt::format("artifact {:x} of {:x}", draw(index), seed_);
}

NamedTable RunScript::table_of(int64_t index) const {
  return {"table" + slot_of(index), {{"n", std::vector<int64_t>(3, index)}}};
}

Predictions RunScript::predictions_of(int64_t index) const {
  const int64_t rows = (draw(index) >> 30) % 8 == 0 ? kManyRows : kFewRows;
  return {"p" + slot_of(index), rows, 1,
          std::vector<double>(static_cast<size_t>(rows), static_cast<double>(index))};
}

Status RunScript::apply(Run& run, int64_t index) const {
  const std::string slot = slot_of(index);
  const double time = kFirstTime + static_cast<double>(index);
  switch (kind_of(index)) {
    case Kind::kPoint: {
      if (index % 2 == 0) return run.log_metric("m/" + slot, value_of(index), index, time);
      ASSAY_ASSIGN_OR_RETURN(Metric metric, run.metric("m/" + slot));
      return metric.log(value_of(index), index, time);
    }
    case Kind::kPoints: {
      const std::vector<std::string> keys = metrics_of(index);
      std::vector<MetricValue> values;
      for (const std::string& key : keys) values.push_back({key, value_of(index)});
      return run.log_metrics(values, index, time);
    }
    case Kind::kParam:
      return run.log_param("param" + slot, index);
    case Kind::kTag:
      return run.set_tag("tag" + slot, fmt::format("tag {}", index));
    case Kind::kText:
      return run.log_text(TextStream::kStdout, line_of(index));
    case Kind::kArtifact: {
      const std::string text = artifact_of(index);
      return run.log_artifact("file" + slot, std::as_bytes(std::span(text)),
                              fmt::format("text/x {}", index));
    }
    case Kind::kScore:
      return run.set_score("m/0", static_cast<double>(index));
    case Kind::kTable:
      return run.log_table(table_of(index));
    case Kind::kPredictions:
      return run.log_predictions(predictions_of(index));
  }
  return {};
}

std::vector<std::string> RunScript::metrics_of(int64_t index) const {
  const Kind kind = kind_of(index);
  if (kind == Kind::kPoint) return {"m/" + slot_of(index)};
  if (kind == Kind::kPoints) return {"batch/0", "batch/1", "batch/2"};
  return {};
}

void RunScript::expect(RunRecord& record, int64_t index) const {
  const std::string slot = slot_of(index);
  switch (kind_of(index)) {
    case Kind::kParam:
      record.params.insert_or_assign("param" + slot, index);
      return;
    case Kind::kTag:
      record.tags.insert_or_assign("tag" + slot, fmt::format("tag {}", index));
      return;
    case Kind::kText:
      record.stdout_text += line_of(index);
      return;
    case Kind::kArtifact: {
      const std::string text = artifact_of(index);
      Artifact artifact{"file" + slot, sha256_hex(std::as_bytes(std::span(text))),
                        static_cast<int64_t>(text.size()), fmt::format("text/x {}", index)};
      const auto it = std::find_if(record.artifacts.begin(), record.artifacts.end(),
                                   [&](const Artifact& a) { return a.path == artifact.path; });
      if (it == record.artifacts.end()) {
        record.artifacts.push_back(std::move(artifact));
      } else {
        *it = std::move(artifact);
      }
      return;
    }
    case Kind::kScore:
      record.info.score = static_cast<double>(index);
      return;
    default:
      return;  // points and sets are compared by themselves
  }
}

RunStatus RunScript::final_status() const {
  constexpr RunStatus kEnds[] = {RunStatus::kCompleted, RunStatus::kFailed, RunStatus::kCancelled,
                                 RunStatus::kPruned};
  return kEnds[seed_ % 4];
}

std::string RunScript::final_message() const { return fmt::format("ended {:x}", seed_); }

bool RunScript::holds_set(const RunRecord& record, int64_t index) const {
  if (kind_of(index) == Kind::kTable) return holds(record.tables, table_of(index).name, index);
  return holds(record.predictions, "p" + slot_of(index), index);
}

int64_t RunScript::length_of(const RunRecord& record) const {
  const int64_t newest = newest_change(record);
  std::map<std::string, size_t> counts;
  for (int64_t index = 0;; ++index) {
    for (const std::string& key : metrics_of(index)) {
      const auto it = record.metrics.find(key);
      if (it == record.metrics.end() || it->second.size() < ++counts[key]) return index;
    }
    const Kind kind = kind_of(index);
    const bool set = kind == Kind::kTable || kind == Kind::kPredictions;
    if (set && !holds_set(record, index)) return index;
    if (kind != Kind::kPoint && kind != Kind::kPoints && !set && index > newest) return index;
  }
}

std::string RunScript::differing_metric(const RunRecord& record) const {
  int64_t newest = -1;
  for (const auto& [key, points] : record.metrics) {
    if (!points.empty()) newest = std::max(newest, points.back().step);
  }
  if (newest > kMostChanges) return fmt::format("a point of step {}", newest);
  std::map<std::string, std::vector<MetricPoint>> series;
  for (int64_t index = 0; index <= newest; ++index) {
    for (const std::string& key : metrics_of(index)) {
      series[key].push_back({index, kFirstTime + static_cast<double>(index), value_of(index)});
    }
  }
  for (const auto& [key, points] : record.metrics) {
    const std::vector<MetricPoint>& expected = series[key];
    const bool begins = points.size() <= expected.size() &&
                        std::equal(points.begin(), points.end(), expected.begin(), same_point);
    if (!begins) return fmt::format("the {} points of metric {} differ", points.size(), key);
  }
  return {};
}

std::string RunScript::differing_set(const RunRecord& record) const {
  for (const auto& table : record.tables) {
    const int64_t index = index_of(*table);
    const bool same = index >= 0 && kind_of(index) == Kind::kTable &&
                      table->name == table_of(index).name && table->columns.size() == 1 &&
                      table->columns[0].values == table_of(index).columns[0].values;
    if (!same) return fmt::format("table {} differs", table->name);
  }
  for (const auto& set : record.predictions) {
    const int64_t index = index_of(*set);
    const bool mine = index >= 0 && kind_of(index) == Kind::kPredictions;
    if (!mine) return fmt::format("predictions {} differ", set->name);
    const Predictions expected = predictions_of(index);
    if (set->name != expected.name || set->rows != expected.rows ||
        set->values != expected.values) {
      return fmt::format("predictions {} differ", set->name);
    }
  }
  return {};
}

std::string RunScript::difference(const RunRecord& record) const {
  RunRecord expected;
  const int64_t newest = std::min(newest_change(record), kMostChanges);
  for (int64_t index = 0; index <= newest; ++index) expect(expected, index);
  std::string found;
  if (record.params != expected.params) found = "parameters differ";
  std::map<std::string, Value> tags = record.tags;
  tags.erase(kMarkTag);
  if (tags != expected.tags) found = "tags differ";
  if (record.stdout_text != expected.stdout_text) found = "the log differs";
  if (record.info.score != expected.info.score) found = "the score differs";
  if (found.empty()) found = differing_artifact(record, expected);
  if (found.empty()) found = differing_metric(record);
  if (found.empty()) found = differing_set(record);
  if (found.empty()) return {};
  return fmt::format("is not what its script makes (newest change {}): {}", newest, found);
}

}  // namespace assay::tracking
