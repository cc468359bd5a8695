#include <algorithm>
#include <bit>
#include <set>

#include "tracking/run_table_internal.h"

namespace assay::tracking {
namespace {

// Attributes that are stored; run_id and duration follow from others.
constexpr std::array<const char*, 17> kStored = {
    "parent",  "kind",   "name",    "experiment", "user",     "status",
    "message", "metric", "score",   "start_time", "end_time", "dataset",
    "device",  "writer", "wal_seq", "finished",   "trend"};

// Columns of one group, filled row after row with keys in order.
class ColumnFiller {
 public:
  struct Slot {
    std::string key;
    RunColumn column;
  };

  void begin(size_t row) {
    row_ = row;
    at_ = 0;
  }
  void add(const std::string& key, const Value& value) {
    int order = 1;
    for (; at_ < slots_.size(); ++at_) {
      order = slots_[at_].key.compare(key);
      if (order >= 0) break;
    }
    if (at_ == slots_.size() || order != 0) {
      slots_.insert(slots_.begin() + static_cast<std::ptrdiff_t>(at_), {key, RunColumn()});
    }
    RunColumn& column = slots_[at_++].column;
    column.pad(row_);
    column.add(value);
  }
  std::vector<Slot>& slots() { return slots_; }

 private:
  std::vector<Slot> slots_;
  size_t row_ = 0;
  size_t at_ = 0;
};

// A filler for each group, those of metrics with one walk.
class TableFiller {
 public:
  void add(size_t row, const RunSummary& summary) {
    for (ColumnFiller& group : groups_) group.begin(row);
    for (const auto& [key, value] : summary.params) of(FieldGroup::kParam).add(key, value);
    for (const auto& [key, value] : summary.tags) of(FieldGroup::kTag).add(key, value);
    for (const auto& [key, stats] : summary.metrics) {
      of(FieldGroup::kMetricCount).add(key, stats.count);
      if (stats.count == 0) continue;
      of(FieldGroup::kMetricLast).add(key, stats.last);
      of(FieldGroup::kMetricLeast).add(key, stats.least);
      of(FieldGroup::kMetricGreatest).add(key, stats.greatest);
    }
  }
  ColumnFiller& of(FieldGroup group) { return groups_[static_cast<size_t>(group)]; }

 private:
  std::array<ColumnFiller, kFieldGroups> groups_;
};

}  // namespace

Result<RunTable> RunTable::create(std::shared_ptr<const CatalogFile> base) {
  RunTable table(std::move(base));
  if (table.base_ != nullptr) {
    ASSAY_ASSIGN_OR_RETURN(table.base_ids_, table.base_->run_ids());
    table.dead_.assign(table.base_->rows(), 0);
  }
  table.extra_shards_.resize(kShards);
  return table;
}

std::string_view RunTable::id(size_t row) const {
  const size_t base_rows = rows() - extras_.size();
  if (row >= base_rows) return extras_[row - base_rows].summary.info.run_id;
  return std::string_view(base_ids_).substr(row * kRunIdBytes, kRunIdBytes);
}

Result<FileIdentity> RunTable::identity(size_t row) {
  const size_t base_rows = rows() - extras_.size();
  if (row >= base_rows) return extras_[row - base_rows].file;
  if (base_identities_.empty()) {
    ASSAY_ASSIGN_OR_RETURN(base_identities_, base_->identities());
  }
  return base_identities_[row];
}

std::optional<size_t> RunTable::find(std::string_view run_id) const {
  const auto extra = extra_rows_.find(std::string(run_id));
  if (extra != extra_rows_.end()) {
    return alive(extra->second) ? std::optional(extra->second) : std::nullopt;
  }
  if (base_ == nullptr) return std::nullopt;
  const size_t shard = shard_of(run_id);
  const auto& ends = base_->directory().shard_ends;
  size_t low = shard == 0 ? 0 : ends[shard - 1];
  size_t high = ends[shard];
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (id(middle) < run_id) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const bool found = low < ends[shard] && id(low) == run_id && alive(low);
  return found ? std::optional(low) : std::nullopt;
}

std::vector<size_t> RunTable::shard_rows(size_t shard) const {
  std::vector<size_t> found;
  if (base_ != nullptr) {
    const auto& ends = base_->directory().shard_ends;
    for (size_t row = shard == 0 ? 0 : ends[shard - 1]; row < ends[shard]; ++row) {
      if (alive(row)) found.push_back(row);
    }
  }
  for (const size_t row : extra_shards_[shard]) {
    if (alive(row)) found.push_back(row);
  }
  std::sort(found.begin(), found.end(), [&](size_t a, size_t b) { return id(a) < id(b); });
  return found;
}

size_t RunTable::put(CatalogEntry entry) {
  const std::string run_id = entry.summary.info.run_id;
  if (const auto old = find(run_id)) remove(*old);
  const size_t row = rows();
  extra_shards_[shard_of(run_id)].push_back(row);
  extra_rows_.insert_or_assign(run_id, row);
  extras_.push_back(std::move(entry));
  dead_.push_back(0);
  return row;
}

void RunTable::remove(size_t row) {
  if (dead_[row] == 0) ++dead_count_;
  dead_[row] = 1;
}

void RunTable::show(CatalogEntry entry) {
  extras_.push_back(std::move(entry));
  dead_.push_back(0);
  ++shown_;
}

void RunTable::drop_shown() {
  for (; shown_ > 0; --shown_) {
    extras_.pop_back();
    dead_.pop_back();
  }
  for (auto& [field, column] : columns_) column.truncate(rows());
}

Result<RunColumn> RunTable::load(const RunField& field) {
  const size_t base_rows = rows() - extras_.size();
  if (base_ == nullptr) return RunColumn(base_rows);
  const bool attribute = field.group == FieldGroup::kRun;
  if (attribute && field.key == "run_id") {
    RunColumn column(base_rows);
    for (size_t row = 0; row < base_rows; ++row) {
      column.texts().add(id(row));
      column.set(row, CellKind::kText, row);
    }
    return column;
  }
  if (attribute && field.key == "duration") {
    RunColumn column(base_rows);
    ASSAY_ASSIGN_OR_RETURN(const RunColumn* begin, this->column({FieldGroup::kRun, "start_time"}));
    ASSAY_ASSIGN_OR_RETURN(const RunColumn* end, this->column({FieldGroup::kRun, "end_time"}));
    for (size_t row = 0; row < base_rows; ++row) {
      if (end->kind(row) != CellKind::kInteger || begin->kind(row) != CellKind::kInteger) continue;
      // Through unsigned numbers: a damaged time must not overflow.
      const auto ns = static_cast<int64_t>(end->bits(row) - begin->bits(row));
      column.set(row, CellKind::kNumber, std::bit_cast<uint64_t>(static_cast<double>(ns) / 1e9));
    }
    return column;
  }
  return base_->column(field);
}

Result<RunColumn*> RunTable::column(const RunField& field) {
  auto it = columns_.find(field);
  if (it == columns_.end()) {
    ASSAY_ASSIGN_OR_RETURN(RunColumn loaded, load(field));
    it = columns_.emplace(field, std::move(loaded)).first;
  }
  RunColumn& column = it->second;
  const size_t base_rows = rows() - extras_.size();
  while (column.size() < rows()) {
    column.add(field_value(extras_[column.size() - base_rows].summary, field));
  }
  return &column;
}

std::vector<RunField> RunTable::fields() const {
  std::set<RunField> fields;
  for (const char* name : kStored) fields.insert({FieldGroup::kRun, name});
  if (base_ != nullptr) {
    for (const auto& [field, parts] : base_->directory().columns) fields.insert(field);
  }
  for (const CatalogEntry& entry : extras_) {
    for (const auto& [key, value] : entry.summary.params) fields.insert({FieldGroup::kParam, key});
    for (const auto& [key, value] : entry.summary.tags) fields.insert({FieldGroup::kTag, key});
    for (const auto& [key, stats] : entry.summary.metrics) {
      for (const FieldGroup group : {FieldGroup::kMetricLast, FieldGroup::kMetricLeast,
                                     FieldGroup::kMetricGreatest, FieldGroup::kMetricCount}) {
        fields.insert({group, key});
      }
    }
  }
  return {fields.begin(), fields.end()};
}

std::vector<RunField> RunTable::load_all() {
  if (base_ != nullptr) return fields();
  TableFiller filler;
  for (size_t row = 0; row < extras_.size(); ++row) filler.add(row, extras_[row].summary);
  std::set<RunField> found;
  for (const char* name : kStored) found.insert({FieldGroup::kRun, name});
  for (size_t group = 0; group < kFieldGroups; ++group) {
    for (auto& [key, column] : filler.of(static_cast<FieldGroup>(group)).slots()) {
      const RunField field{static_cast<FieldGroup>(group), key};
      found.insert(field);
      column.pad(rows());
      columns_.try_emplace(field, std::move(column));  // one that is loaded stays
    }
  }
  return {found.begin(), found.end()};
}

}  // namespace assay::tracking
