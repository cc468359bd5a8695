#include <map>

#include "tracking/byte_codec_internal.h"
#include "tracking/catalog_entry_internal.h"
#include "tracking/ulid.h"

namespace assay::tracking {
namespace {

std::optional<Value> text_value(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<Value>(text);
}

std::optional<Value> attribute_value(const RunSummary& summary, std::string_view name) {
  const RunInfo& info = summary.info;
  if (name == "run_id") return info.run_id;
  if (name == "parent") return text_value(info.parent_run_id);
  if (name == "kind") return text_value(info.kind);
  if (name == "name") return text_value(info.name);
  if (name == "experiment") return text_value(info.experiment);
  if (name == "user") return text_value(info.user);
  if (name == "status") return Value(name_of(info.status));
  if (name == "message") return text_value(info.message);
  if (name == "metric") return text_value(info.metric);
  if (name == "score") return info.score ? std::optional<Value>(*info.score) : std::nullopt;
  if (name == "start_time") return info.created_ns;
  if (name == "end_time")
    return info.ended_ns > 0 ? std::optional<Value>(info.ended_ns) : std::nullopt;
  if (name == "duration") {
    if (info.ended_ns <= 0) return std::nullopt;
    return static_cast<double>(info.ended_ns - info.created_ns) / 1e9;
  }
  if (name == "dataset") return text_value(summary.dataset);
  if (name == "device") return text_value(summary.device);
  if (name == "writer") return text_value(info.writer);
  if (name == "wal_seq") return static_cast<int64_t>(info.wal_seq);
  if (name == "finished") return info.finished;
  if (name == "trend") return text_value(summary.trend);
  return std::nullopt;
}

template <class T>
std::optional<Value> map_value(const std::map<std::string, T>& values, const std::string& key) {
  const auto it = values.find(key);
  return it == values.end() ? std::nullopt : std::optional<Value>(it->second);
}

enum : uint8_t { kReal, kWhole, kFlag, kWords };

void put_values(ByteWriter& to, const std::map<std::string, Value>& values) {
  to.number(static_cast<uint32_t>(values.size()));
  for (const auto& [key, value] : values) {
    to.text(key);
    to.number(static_cast<uint8_t>(value.data().index()));
    std::visit(
        [&](const auto& held) {
          if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::string>) {
            to.text(held);
          } else {
            to.number(held);
          }
        },
        value.data());
  }
}

std::map<std::string, Value> get_values(ByteReader& from) {
  std::map<std::string, Value> values;
  const auto count = from.number<uint32_t>();
  for (uint32_t i = 0; i < count && from.ok(); ++i) {
    std::string key(from.text());
    Value value;
    switch (from.number<uint8_t>()) {
      case kReal:
        value = from.number<double>();
        break;
      case kWhole:
        value = from.number<int64_t>();
        break;
      case kFlag:
        value = from.number<uint8_t>() != 0;
        break;
      case kWords:
        value = Value(from.text());
        break;
      default:
        from.fail();
    }
    values.insert_or_assign(values.end(), std::move(key), std::move(value));
  }
  return values;
}

}  // namespace

FileIdentity identity_of(const FileInfo& info) { return {info.inode, info.size, info.modified_ns}; }

FolderStamp stamp_of(const FileInfo& info) {
  return {info.inode, info.modified_ns, info.changed_ns};
}

size_t shard_of(std::string_view run_id) {
  const std::string digits = ulid_shard(run_id);
  return static_cast<size_t>(std::stoul(digits, nullptr, 16));
}

std::string shard_folder(size_t shard) { return fmt::format("runs/{:02x}", shard); }

std::optional<Value> field_value(const RunSummary& summary, const RunField& field) {
  if (field.group == FieldGroup::kRun) return attribute_value(summary, field.key);
  if (field.group == FieldGroup::kParam) return map_value(summary.params, field.key);
  if (field.group == FieldGroup::kTag) return map_value(summary.tags, field.key);
  const auto it = summary.metrics.find(field.key);
  if (it == summary.metrics.end()) return std::nullopt;
  const MetricStats& stats = it->second;
  if (field.group == FieldGroup::kMetricCount) return stats.count;
  if (stats.count == 0) return std::nullopt;
  if (field.group == FieldGroup::kMetricLeast) return stats.least;
  return field.group == FieldGroup::kMetricGreatest ? stats.greatest : stats.last;
}

std::string encode(const CatalogEntry& entry) {
  ByteWriter to;
  const RunInfo& info = entry.summary.info;
  to.number(entry.file.inode);
  to.number(entry.file.size);
  to.number(entry.file.modified_ns);
  for (const std::string* text :
       {&info.run_id, &info.parent_run_id, &info.kind, &info.name, &info.experiment, &info.user,
        &info.message, &info.metric, &info.writer, &entry.summary.dataset, &entry.summary.device,
        &entry.summary.trend}) {
    to.text(*text);
  }
  to.number(static_cast<uint8_t>(info.status));
  to.number(static_cast<uint8_t>(info.finished));
  to.number(static_cast<uint8_t>(info.score.has_value()));
  to.number(info.score.value_or(0));
  to.number(info.created_ns);
  to.number(info.ended_ns);
  to.number(info.wal_seq);
  put_values(to, entry.summary.params);
  put_values(to, entry.summary.tags);
  to.number(static_cast<uint32_t>(entry.summary.metrics.size()));
  for (const auto& [key, stats] : entry.summary.metrics) {
    to.text(key);
    to.number(stats.last);
    to.number(stats.least);
    to.number(stats.greatest);
    to.number(stats.count);
  }
  return std::move(to.bytes());
}

Result<CatalogEntry> decode_entry(std::string_view bytes) {
  ByteReader from(bytes);
  CatalogEntry entry;
  RunInfo& info = entry.summary.info;
  entry.file.inode = from.number<uint64_t>();
  entry.file.size = from.number<int64_t>();
  entry.file.modified_ns = from.number<int64_t>();
  for (std::string* text : {&info.run_id, &info.parent_run_id, &info.kind, &info.name,
                            &info.experiment, &info.user, &info.message, &info.metric, &info.writer,
                            &entry.summary.dataset, &entry.summary.device, &entry.summary.trend}) {
    *text = from.text();
  }
  const auto status = from.number<uint8_t>();
  info.status = static_cast<RunStatus>(status);
  info.finished = from.number<uint8_t>() != 0;
  const bool scored = from.number<uint8_t>() != 0;
  const auto score = from.number<double>();
  if (scored) info.score = score;
  info.created_ns = from.number<int64_t>();
  info.ended_ns = from.number<int64_t>();
  info.wal_seq = from.number<uint64_t>();
  entry.summary.params = get_values(from);
  entry.summary.tags = get_values(from);
  const auto count = from.number<uint32_t>();
  for (uint32_t i = 0; i < count && from.ok(); ++i) {
    std::string key(from.text());
    MetricStats stats;
    stats.last = from.number<double>();
    stats.least = from.number<double>();
    stats.greatest = from.number<double>();
    stats.count = from.number<int64_t>();
    entry.summary.metrics.insert_or_assign(entry.summary.metrics.end(), std::move(key), stats);
  }
  if (!from.done() || !is_ulid(info.run_id) || status > static_cast<uint8_t>(RunStatus::kPruned)) {
    return fail(StatusCode::kData, "a record of the catalog's journal is damaged");
  }
  return entry;
}

}  // namespace assay::tracking
