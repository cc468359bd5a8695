#include "tracking/run_export.h"

#include <filesystem>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

#include "kernels/base/hash.h"
#include "tracking/blob_store.h"
#include "tracking/output_guard.h"
#include "tracking/run_file.h"
#include "tracking/snapshot.h"
#include "tracking/source_restore.h"
#include "tracking/ulid.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBufferBytes = size_t{1} << 20;
constexpr size_t kNameLimitBytes = 180;

// A file name for a key of people: escaped, and shortened if it is too long for a file system.
std::string file_name_of(const std::string& key) {
  std::string name = escape_key(key);
  if (name.size() <= kNameLimitBytes) return name;
  return fmt::format("{}-{}", cut_utf8(name, kNameLimitBytes), sha256_hex(key).substr(0, 12));
}

std::string csv_text(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

template <class T>
std::string csv_field(const T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    return csv_text(value);
  } else {
    return fmt::format("{}", value);  // the shortest digits that give it back
  }
}

// Bytes that are there and wrong, or not there: the rest can be written all the same.
bool is_damage(const Error& error) {
  return error.code == StatusCode::kData || error.code == StatusCode::kNotFound;
}

// Writes below one folder and counts.
class Exporter {
 public:
  Exporter(Workspace& workspace, const RunRecord& record, std::string folder)
      : workspace_(workspace), record_(record), folder_(std::move(folder)) {}

  Result<RunExportReport> run(const std::string& run_json) {
    if (!run_json.empty()) ASSAY_RETURN_IF_ERROR(write("run.json", run_json));
    ASSAY_ASSIGN_OR_RETURN(const std::string image, run_file_image(record_));
    ASSAY_RETURN_IF_ERROR(write("run.h5", image));
    ASSAY_RETURN_IF_ERROR(write_metrics());
    ASSAY_RETURN_IF_ERROR(write("logs/stdout.txt", record_.stdout_text));
    ASSAY_RETURN_IF_ERROR(write("logs/stderr.txt", record_.stderr_text));
    for (const Artifact& artifact : record_.artifacts) {
      ASSAY_RETURN_IF_ERROR(copy_blob("artifacts/" + artifact.path, artifact.sha256));
    }
    for (const auto& predictions : record_.predictions) {
      ASSAY_RETURN_IF_ERROR(write_predictions(*predictions));
    }
    for (const auto& table : record_.tables) {
      ASSAY_RETURN_IF_ERROR(
          write_table(fmt::format("tables/{}.csv", file_name_of(table->name)), table->columns));
    }
    for (size_t i = 0; i < record_.datasets.size(); ++i) {
      ASSAY_RETURN_IF_ERROR(
          write_table(fmt::format("datasets/{:03}.csv", i), record_.datasets[i].profile));
    }
    for (const ModelUse& model : record_.models) {
      ASSAY_RETURN_IF_ERROR(
          copy_blob(fmt::format("models/{}-{}.assay", file_name_of(model.name), model.version),
                    model.sha256));
    }
    ASSAY_RETURN_IF_ERROR(write_source());
    return std::move(report_);
  }

 private:
  // Opens a new file, with the folders above it.
  Result<std::unique_ptr<File>> create(const std::string& path) {
    const std::string full = folder_ + "/" + path;
    ASSAY_RETURN_IF_ERROR(make_folders(files_, fs::path(full).parent_path().string()));
    ++report_.files;
    return files_.create(full);
  }

  Status append(File& file, std::string& buffer, size_t threshold) {
    if (buffer.size() < threshold || buffer.empty()) return {};
    report_.bytes += static_cast<int64_t>(buffer.size());
    ASSAY_RETURN_IF_ERROR(file.append(std::as_bytes(std::span<const char>(buffer))));
    buffer.clear();
    return {};
  }

  // Empty texts make no file.
  Status write(const std::string& path, std::string text) {
    if (text.empty()) return {};
    ASSAY_ASSIGN_OR_RETURN(auto file, create(path));
    return append(*file, text, 1);
  }

  Status copy_blob(const std::string& path, const std::string& sha256) {
    if (const Status inside = check_inside("run", path); !inside) {
      report_.left_out.push_back(inside.error().message);
      return {};
    }
    BlobStore blobs(workspace_);
    if (!blobs.contains(sha256)) {
      report_.damaged.push_back(
          fmt::format("{}: blob {} is not in the workspace", path, clean_utf8(sha256)));
      return {};
    }
    const std::string full = folder_ + "/" + path;
    ASSAY_RETURN_IF_ERROR(make_folders(files_, fs::path(full).parent_path().string()));
    Status copied = blobs.copy_to(sha256, full);
    if (!copied && is_damage(copied.error())) {
      report_.damaged.push_back(fmt::format("{}: {}", path, copied.error().message));
      return {};
    }
    if (!copied) return fail_with(std::move(copied.error()), path);
    std::error_code error;
    ++report_.files;
    report_.bytes += static_cast<int64_t>(fs::file_size(full, error));
    return {};
  }

  Status write_metrics() {
    if (record_.metrics.empty()) return {};
    ASSAY_ASSIGN_OR_RETURN(auto file, create("metrics.csv"));
    std::string buffer = "metric,step,time,value\n";
    for (const auto& [key, points] : record_.metrics) {
      const std::string name = csv_text(key);
      for (const MetricPoint& point : points) {
        fmt::format_to(std::back_inserter(buffer), "{},{},{},{}\n", name, point.step, point.time,
                       point.value);
        ASSAY_RETURN_IF_ERROR(append(*file, buffer, kBufferBytes));
      }
    }
    return append(*file, buffer, 1);
  }

  Status write_predictions(const Predictions& set) {
    ASSAY_ASSIGN_OR_RETURN(auto file,
                           create(fmt::format("predictions/{}.csv", file_name_of(set.name))));
    std::string buffer = "row_id";
    for (int64_t c = 0; c < set.columns; ++c) {
      buffer += set.column_names.empty() ? fmt::format(",{}", c)
                                         : "," + csv_text(set.column_names[static_cast<size_t>(c)]);
    }
    buffer += '\n';
    for (int64_t row = 0; row < set.rows; ++row) {
      buffer += std::to_string(set.row_ids.empty() ? row : set.row_ids[static_cast<size_t>(row)]);
      std::visit(
          [&](const auto& values) {
            for (int64_t c = 0; c < set.columns; ++c) {
              fmt::format_to(std::back_inserter(buffer), ",{}",
                             values[static_cast<size_t>(row * set.columns + c)]);
            }
          },
          set.values);
      buffer += '\n';
      ASSAY_RETURN_IF_ERROR(append(*file, buffer, kBufferBytes));
    }
    return append(*file, buffer, 1);
  }

  Status write_table(const std::string& path, const std::vector<TableColumn>& columns) {
    if (columns.empty()) return {};
    ASSAY_ASSIGN_OR_RETURN(auto file, create(path));
    std::string buffer;
    for (const TableColumn& column : columns) {
      buffer += (buffer.empty() ? "" : ",") + csv_text(column.name);
    }
    buffer += '\n';
    const size_t rows =
        std::visit([](const auto& values) { return values.size(); }, columns[0].values);
    for (size_t row = 0; row < rows; ++row) {
      for (size_t c = 0; c < columns.size(); ++c) {
        if (c > 0) buffer += ',';
        buffer += std::visit([&](const auto& values) { return csv_field(values[row]); },
                             columns[c].values);
      }
      buffer += '\n';
      ASSAY_RETURN_IF_ERROR(append(*file, buffer, kBufferBytes));
    }
    return append(*file, buffer, 1);
  }

  Status write_source() {
    if (!record_.source) return {};
    ASSAY_RETURN_IF_ERROR(write("source/config", record_.source->config));
    const std::string& hash = record_.source->manifest_sha256;
    if (hash.empty()) return {};
    ASSAY_RETURN_IF_ERROR(copy_blob("source/manifest.json", hash));
    const auto manifest = read_manifest(workspace_, record_);
    if (!manifest && !is_damage(manifest.error())) return tl::unexpected<Error>(manifest.error());
    if (!manifest) {
      report_.damaged.push_back(manifest.error().message);
      return {};
    }
    if (!manifest->git_diff_sha256.empty()) {
      ASSAY_RETURN_IF_ERROR(copy_blob("source/git.diff", manifest->git_diff_sha256));
    }
    if (manifest->files.empty()) return {};
    auto restored = restore_source(workspace_, *manifest,
                                   {.folder = folder_ + "/source/files", .partial = true});
    if (!restored && !is_damage(restored.error())) return tl::unexpected<Error>(restored.error());
    if (!restored) {
      report_.damaged.push_back("source/files: " + restored.error().message);
      return {};
    }
    report_.files += restored->written;
    report_.bytes += restored->bytes;
    for (std::string& what : restored->damaged) report_.damaged.push_back("source/files/" + what);
    for (std::string& note : restored->left_out) report_.left_out.push_back(std::move(note));
    return {};
  }

  Workspace& workspace_;
  const RunRecord& record_;
  const std::string folder_;
  PosixFileLayer files_;
  RunExportReport report_;
};

}  // namespace

Result<RunExportReport> export_run(Workspace& workspace, const RunRecord& record,
                                   const RunExport& request) {
  ASSAY_RETURN_IF_ERROR(check_outside_workspaces(request.folder));
  std::error_code error;
  const fs::file_status status = fs::status(request.folder, error);
  const bool there = fs::exists(status);
  if (there && (!fs::is_directory(status) || !fs::is_empty(request.folder, error) || error)) {
    return fail(StatusCode::kAlreadyExists,
                "'{}' is there already (must be missing or an empty "
                "folder)",
                request.folder);
  }
  fs::path target = fs::path(request.folder).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();
  ASSAY_ASSIGN_OR_RETURN(const std::string id, make_ulid());
  const std::string temporary = fmt::format("{}.{}.part", target.string(), id);
  PosixFileLayer files;
  ASSAY_RETURN_IF_ERROR(make_folders(files, temporary));
  auto report = Exporter(workspace, record, temporary).run(request.run_json);
  Status published;
  if (report) published = files.rename(temporary, target.string());
  if (report && published) return report;
  fs::remove_all(temporary, error);
  if (report) return tl::unexpected<Error>(std::move(published.error()));
  return report;
}

}  // namespace assay::tracking
