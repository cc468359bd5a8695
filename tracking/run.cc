#include "tracking/run.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <utility>

#include "kernels/base/names.h"
#include "tracking/blob_store.h"
#include "tracking/environment.h"
#include "tracking/run_file.h"
#include "tracking/ulid.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

constexpr size_t kTextLimitBytes = size_t{64} << 20;
constexpr size_t kNameLimitBytes = 256;
constexpr size_t kMessageLimitBytes = 16 * 1024;
constexpr size_t kTableTextLimit = 4096;
constexpr size_t kColumnLimitBytes = size_t{256} << 20;
constexpr std::array<std::string_view, 5> kKinds = {"sweep", "trial", "job", "pipeline", "step"};

Status check_spec(RunSpec& spec, const std::string& run_id) {
  if (std::find(kKinds.begin(), kKinds.end(), spec.kind) == kKinds.end()) {
    return fail(StatusCode::kInvalidArgument, "unknown kind of run '{}'{}", spec.kind,
                name_hint(spec.kind, kKinds));
  }
  ASSAY_RETURN_IF_ERROR(check_name("experiment", spec.experiment));
  if (spec.name.empty()) {
    spec.name = fmt::format("{}-{}", spec.kind, lower_case(run_id.substr(run_id.size() - 8)));
  }
  const bool text = spec.name.find('\0') == std::string::npos && is_utf8(spec.name);
  if (!text || spec.name.size() > kNameLimitBytes) {
    return fail(StatusCode::kInvalidArgument, "run name '{}' (must be UTF-8 of at most {} bytes)",
                clean_utf8(cut_utf8(spec.name, 80)), kNameLimitBytes);
  }
  if (!spec.parent_run_id.empty() && !is_ulid(spec.parent_run_id)) {
    return fail(StatusCode::kInvalidArgument, "parent run '{}' is not a run id (26 characters)",
                spec.parent_run_id);
  }
  return {};
}

Status check_artifact_path(std::string_view path) {
  ASSAY_RETURN_IF_ERROR(check_key("artifact", path));
  const std::filesystem::path parsed(path);
  const bool climbs = std::find(parsed.begin(), parsed.end(), "..") != parsed.end();
  if (parsed.is_absolute() || climbs) {
    return fail(StatusCode::kInvalidArgument,
                "artifact path '{}' (must be relative and without '..')", path);
  }
  return {};
}

Status check_predictions(const Predictions& set) {
  ASSAY_RETURN_IF_ERROR(check_key("predictions", set.name));
  const size_t count = std::visit([](const auto& values) { return values.size(); }, set.values);
  const bool shape_ok = set.rows >= 0 && set.columns >= 0 &&
                        (set.columns == 0 || set.rows <= INT64_MAX / set.columns) &&
                        static_cast<size_t>(set.rows * set.columns) == count;
  if (!shape_ok) {
    return fail(StatusCode::kInvalidArgument,
                "predictions '{}': {} values for {} rows x {} columns", set.name, count, set.rows,
                set.columns);
  }
  if (!set.row_ids.empty() && static_cast<int64_t>(set.row_ids.size()) != set.rows) {
    return fail(StatusCode::kInvalidArgument, "predictions '{}': {} row ids for {} rows", set.name,
                set.row_ids.size(), set.rows);
  }
  if (!set.column_names.empty() && static_cast<int64_t>(set.column_names.size()) != set.columns) {
    return fail(StatusCode::kInvalidArgument, "predictions '{}': {} column names for {} columns",
                set.name, set.column_names.size(), set.columns);
  }
  return {};
}

void clean_texts(std::vector<std::string>& texts) {
  for (std::string& text : texts) text = cut_utf8(clean_utf8(text), kTableTextLimit);
}

// Checks names and lengths, and makes texts what a fixed-width column can hold.
Status prepare_columns(const std::string& table, std::vector<TableColumn>& columns) {
  std::set<std::string> names;
  size_t rows = 0;
  for (TableColumn& column : columns) {
    ASSAY_RETURN_IF_ERROR(check_key("column", column.name));
    if (!names.insert(column.name).second) {
      return fail(StatusCode::kInvalidArgument, "table '{}' has two columns '{}'", table,
                  column.name);
    }
    const size_t size = std::visit([](const auto& values) { return values.size(); }, column.values);
    if (names.size() == 1) rows = size;
    if (size != rows) {
      return fail(StatusCode::kInvalidArgument, "table '{}': column '{}' has {} rows, others {}",
                  table, column.name, size, rows);
    }
    auto* texts = std::get_if<std::vector<std::string>>(&column.values);
    if (texts == nullptr) continue;
    clean_texts(*texts);
    size_t width = 1;
    for (const std::string& text : *texts) width = std::max(width, text.size());
    if (width > kColumnLimitBytes / std::max<size_t>(1, rows)) {
      return fail(StatusCode::kInvalidArgument,
                  "table '{}': column '{}' takes {} rows x {} bytes (must be at most {} bytes)",
                  table, column.name, rows, width, kColumnLimitBytes);
    }
  }
  return {};
}

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

}  // namespace

Run::Run(std::shared_ptr<Workspace> workspace, RunRecord record)
    : workspace_(std::move(workspace)), id_(record.info.run_id), record_(std::move(record)) {}

Result<std::unique_ptr<Run>> Run::create(std::shared_ptr<Workspace> workspace, RunSpec spec) {
  RunRecord record;
  RunInfo& info = record.info;
  ASSAY_ASSIGN_OR_RETURN(info.run_id, make_ulid());
  ASSAY_RETURN_IF_ERROR(check_spec(spec, info.run_id));
  ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace->writer());
  info.writer = writer->id();
  info.kind = std::move(spec.kind);
  info.experiment = std::move(spec.experiment);
  info.name = std::move(spec.name);
  info.parent_run_id = std::move(spec.parent_run_id);
  info.user = user_name();
  info.created_ns = wall_time_ns();
  return std::unique_ptr<Run>(new Run(std::move(workspace), std::move(record)));
}

template <class Change>
Status Run::change(Change apply) {
  const std::scoped_lock lock(mutex_);
  if (record_.info.finished) {
    return fail(StatusCode::kInvalidArgument, "run {} is finished: nothing can be added", id_);
  }
  return apply(record_);
}

Status Run::log_param(std::string_view key, Value value) {
  ASSAY_RETURN_IF_ERROR(check_key("parameter", key));
  return change([&](RunRecord& record) -> Status {
    record.params.insert_or_assign(std::string(key), std::move(value));
    return {};
  });
}

Status Run::set_tag(std::string_view key, Value value) {
  ASSAY_RETURN_IF_ERROR(check_key("tag", key));
  return change([&](RunRecord& record) -> Status {
    record.tags.insert_or_assign(std::string(key), std::move(value));
    return {};
  });
}

Status Run::log_metric(std::string_view key, double value, int64_t step,
                       std::optional<double> time) {
  ASSAY_RETURN_IF_ERROR(check_key("metric", key));
  const double at = time ? *time : static_cast<double>(wall_time_ns()) * 1e-9;
  return change([&](RunRecord& record) -> Status {
    record.metrics[std::string(key)].push_back({step, at, value});
    return {};
  });
}

Status Run::declare_metric(std::string_view key) {
  ASSAY_RETURN_IF_ERROR(check_key("metric", key));
  return change([&](RunRecord& record) -> Status {
    record.metrics.try_emplace(std::string(key));
    return {};
  });
}

Status Run::log_text(TextStream stream, std::string_view text) {
  return change([&](RunRecord& record) -> Status {
    const bool out = stream == TextStream::kStdout;
    std::string& log = out ? record.stdout_text : record.stderr_text;
    if (text.size() > kTextLimitBytes - log.size()) {
      return fail(StatusCode::kResourceExhausted, "run {}: {} is full (at most {} bytes)", id_,
                  out ? "stdout" : "stderr", kTextLimitBytes);
    }
    log += text;
    return {};
  });
}

Status Run::add_artifact(std::string_view path, std::string_view media_type, const BlobRef& blob) {
  return change([&](RunRecord& record) -> Status {
    Artifact artifact{std::string(path), blob.sha256, blob.size, clean_utf8(media_type)};
    replace_or_add(record.artifacts, std::move(artifact),
                   [&](const Artifact& other) { return other.path == path; });
    return {};
  });
}

Status Run::log_artifact(std::string_view path, std::span<const std::byte> bytes,
                         std::string_view media_type) {
  ASSAY_RETURN_IF_ERROR(check_artifact_path(path));
  ASSAY_ASSIGN_OR_RETURN(const BlobRef blob, BlobStore(*workspace_).put(bytes));
  return add_artifact(path, media_type, blob);
}

Status Run::log_artifact_file(std::string_view path, const std::string& file,
                              std::string_view media_type) {
  ASSAY_RETURN_IF_ERROR(check_artifact_path(path));
  ASSAY_ASSIGN_OR_RETURN(const BlobRef blob, BlobStore(*workspace_).put_file(file));
  return add_artifact(path, media_type, blob);
}

Status Run::log_predictions(Predictions predictions) {
  ASSAY_RETURN_IF_ERROR(check_predictions(predictions));
  clean_texts(predictions.column_names);
  auto shared = std::make_shared<const Predictions>(std::move(predictions));
  return change([&](RunRecord& record) -> Status {
    replace_or_add(record.predictions, shared,
                   [&](const auto& other) { return other->name == shared->name; });
    return {};
  });
}

Status Run::log_table(NamedTable table) {
  ASSAY_RETURN_IF_ERROR(check_key("table", table.name));
  ASSAY_RETURN_IF_ERROR(prepare_columns(table.name, table.columns));
  auto shared = std::make_shared<const NamedTable>(std::move(table));
  return change([&](RunRecord& record) -> Status {
    replace_or_add(record.tables, shared,
                   [&](const auto& other) { return other->name == shared->name; });
    return {};
  });
}

Status Run::set_score(std::string_view metric, double score) {
  ASSAY_RETURN_IF_ERROR(check_key("metric", metric));
  return change([&](RunRecord& record) -> Status {
    record.info.metric = metric;
    record.info.score = score;
    return {};
  });
}

Status Run::set_source(SourceInfo source) {
  for (SourceFile& file : source.files) file.path = clean_utf8(file.path);
  return change([&](RunRecord& record) -> Status {
    record.source = std::move(source);
    return {};
  });
}

Status Run::set_environment(std::map<std::string, Value> values) {
  for (const auto& [key, value] : values) ASSAY_RETURN_IF_ERROR(check_key("environment", key));
  return change([&](RunRecord& record) -> Status {
    record.environment = std::move(values);
    return {};
  });
}

Status Run::add_dataset(DatasetUse dataset) {
  ASSAY_RETURN_IF_ERROR(prepare_columns("profile", dataset.profile));
  return change([&](RunRecord& record) -> Status {
    record.datasets.push_back(std::move(dataset));
    return {};
  });
}

Status Run::add_model(ModelUse model) {
  return change([&](RunRecord& record) -> Status {
    record.models.push_back(std::move(model));
    return {};
  });
}

Status Run::publish(const RunRecord& record) {
  ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace_->writer());
  ASSAY_ASSIGN_OR_RETURN(const std::string image, run_file_image(record));
  const std::string relative = run_file_path(id_);
  ASSAY_RETURN_IF_ERROR(
      workspace_->ensure_folder(std::filesystem::path(relative).parent_path().string()));
  auto status = publish_file(workspace_->files(), writer->tmp_folder(),
                             fmt::format("{}/{}", workspace_->path(), relative),
                             std::as_bytes(std::span(image)));
  if (!status && !workspace_->files().exists(writer->tmp_folder())) {
    return fail(StatusCode::kIo,
                "run {} was not published: another process took this writer over, or the "
                "workspace '{}' is gone",
                id_, workspace_->path());
  }
  if (!status) return fail_with(std::move(status.error()), fmt::format("run {}", id_));
  (void)workspace_->heartbeat();  // trouble shows at the next publish
  return {};
}

Status Run::checkpoint() {
  const std::scoped_lock order(publish_mutex_);
  RunRecord copy;
  ASSAY_RETURN_IF_ERROR(change([&](RunRecord& record) -> Status {
    copy = record;
    return {};
  }));
  return publish(copy);
}

Status Run::finish(RunStatus status, std::string_view message) {
  if (status == RunStatus::kRunning) {
    return fail(StatusCode::kInvalidArgument, "run {} cannot finish as running", id_);
  }
  const std::scoped_lock order(publish_mutex_);
  RunRecord copy;
  ASSAY_RETURN_IF_ERROR(change([&](RunRecord& record) -> Status {
    copy = record;
    record.info.finished = true;  // logs that race with finish() fail instead of getting lost
    return {};
  }));
  copy.info.status = status;
  copy.info.message = cut_utf8(clean_utf8(message), kMessageLimitBytes);
  copy.info.ended_ns = std::max(wall_time_ns(), copy.info.created_ns);
  copy.info.finished = true;
  Status published = publish(copy);
  const std::scoped_lock lock(mutex_);
  record_.info.finished = published.has_value();
  return published;
}

}  // namespace assay::tracking
