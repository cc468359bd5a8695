#include "tracking/run_change.h"

#include <algorithm>

namespace assay::tracking {
namespace {

// Replaces the entry for which `same` holds, or appends.
template <class T, class Same>
void replace_or_add(std::vector<T>& entries, T entry, Same same) {
  const auto it = std::find_if(entries.begin(), entries.end(), same);
  if (it == entries.end()) {
    entries.push_back(std::move(entry));
  } else {
    *it = std::move(entry);
  }
}

struct Applier {
  RunRecord& record;

  void operator()(BeginRun change) const {
    RunInfo& info = record.info;
    info.run_id = std::move(change.info.run_id);
    info.parent_run_id = std::move(change.info.parent_run_id);
    info.kind = std::move(change.info.kind);
    info.name = std::move(change.info.name);
    info.experiment = std::move(change.info.experiment);
    info.user = std::move(change.info.user);
    info.created_ns = change.info.created_ns;
    info.writer = std::move(change.info.writer);
  }
  void operator()(SetParam change) const {
    record.params.insert_or_assign(std::move(change.key), std::move(change.value));
  }
  void operator()(SetTag change) const {
    record.tags.insert_or_assign(std::move(change.key), std::move(change.value));
  }
  void operator()(const DropTag& change) const { record.tags.erase(change.key); }
  void operator()(AddPoints change) const {
    std::vector<MetricPoint>& points = record.metrics[std::move(change.key)];
    if (points.empty()) {
      points = std::move(change.points);
    } else {
      points.insert(points.end(), change.points.begin(), change.points.end());
    }
  }
  void operator()(DeclareMetric change) const { record.metrics.try_emplace(std::move(change.key)); }
  void operator()(const AppendText& change) const {
    (change.stream == TextStream::kStdout ? record.stdout_text : record.stderr_text) += change.text;
  }
  void operator()(PutArtifact change) const {
    const std::string path = change.artifact.path;
    replace_or_add(record.artifacts, std::move(change.artifact),
                   [&](const Artifact& other) { return other.path == path; });
  }
  void operator()(PutPredictions change) const {
    const auto set = change.set;
    replace_or_add(record.predictions, std::move(change.set),
                   [&](const auto& other) { return other->name == set->name; });
  }
  void operator()(PutTable change) const {
    const auto table = change.table;
    replace_or_add(record.tables, std::move(change.table),
                   [&](const auto& other) { return other->name == table->name; });
  }
  void operator()(SetScore change) const {
    record.info.metric = std::move(change.metric);
    record.info.score = change.score;
  }
  void operator()(SetSource change) const { record.source = std::move(change.source); }
  void operator()(SetEnvironment change) const { record.environment = std::move(change.values); }
  void operator()(AddDataset change) const { record.datasets.push_back(std::move(change.use)); }
  void operator()(AddModel change) const { record.models.push_back(std::move(change.use)); }
  void operator()(FinishRun change) const {
    record.info.status = change.status;
    record.info.message = std::move(change.message);
    record.info.ended_ns = change.ended_ns;
    record.info.finished = true;
  }
  void operator()(ReopenRun) const {
    record.info.status = RunStatus::kRunning;
    record.info.message.clear();
    record.info.ended_ns = 0;
    record.info.finished = false;
  }
  void operator()(const OmittedChange&) const {}
  void operator()(const AfterChange&) const {}
};

constexpr int64_t kSmall = 256;  // names, lengths, numbers of an ordinary change

int64_t columns_bytes(const std::vector<TableColumn>& columns) {
  int64_t bytes = 0;
  for (const TableColumn& column : columns) {
    bytes += kSmall;
    if (const auto* texts = std::get_if<std::vector<std::string>>(&column.values)) {
      for (const std::string& text : *texts) bytes += static_cast<int64_t>(text.size()) + 4;
    } else {
      const size_t rows =
          std::visit([](const auto& values) { return values.size(); }, column.values);
      bytes += static_cast<int64_t>(8 * rows);
    }
  }
  return bytes;
}

int64_t value_bytes(const Value& value) {
  const auto* text = std::get_if<std::string>(&value.data());
  return text == nullptr ? 16 : static_cast<int64_t>(text->size()) + 16;
}

struct SizeOf {
  int64_t operator()(const SetParam& change) const { return kSmall + value_bytes(change.value); }
  int64_t operator()(const SetTag& change) const { return kSmall + value_bytes(change.value); }
  int64_t operator()(const AddPoints& change) const {
    return kSmall + static_cast<int64_t>(change.points.size() * sizeof(MetricPoint));
  }
  int64_t operator()(const AppendText& change) const {
    return kSmall + static_cast<int64_t>(change.text.size());
  }
  int64_t operator()(const PutPredictions& change) const {
    const Predictions& set = *change.set;
    const bool wide = std::holds_alternative<std::vector<double>>(set.values);
    const size_t count = std::visit([](const auto& values) { return values.size(); }, set.values);
    int64_t bytes = kSmall + static_cast<int64_t>(count * (wide ? 8 : 4) + 8 * set.row_ids.size());
    for (const std::string& name : set.column_names) bytes += static_cast<int64_t>(name.size()) + 4;
    return bytes;
  }
  int64_t operator()(const PutTable& change) const {
    return kSmall + columns_bytes(change.table->columns);
  }
  int64_t operator()(const SetSource& change) const {
    int64_t bytes = 4 * kSmall + static_cast<int64_t>(change.source.config.size());
    for (const SourceFile& file : change.source.files) {
      bytes += kSmall + static_cast<int64_t>(file.path.size());
    }
    return bytes;
  }
  int64_t operator()(const SetEnvironment& change) const {
    int64_t bytes = kSmall;
    for (const auto& [key, value] : change.values) {
      bytes += static_cast<int64_t>(key.size()) + value_bytes(value) + 8;
    }
    return bytes;
  }
  int64_t operator()(const AddDataset& change) const {
    return 4 * kSmall + columns_bytes(change.use.profile);
  }
  int64_t operator()(const AddModel& change) const {
    return 2 * kSmall + static_cast<int64_t>(change.use.input_contract.size());
  }
  template <class Other>
  int64_t operator()(const Other&) const {
    return 4 * kSmall;
  }
};

}  // namespace

uint16_t change_type_of(const RunChange& change) {
  return static_cast<uint16_t>(change.index() + 1);
}

void apply(RunRecord& record, RunChange change) { std::visit(Applier{record}, std::move(change)); }

int64_t change_bytes(const RunChange& change) { return std::visit(SizeOf{}, change); }

}  // namespace assay::tracking
