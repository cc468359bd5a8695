// Everything that a run file holds, as plain values. Run fills one, run_file.h writes and
// reads it. Owns its memory; large arrays are shared and immutable, so that copies are cheap.
// Not thread-safe.
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "kernels/base/status.h"

namespace assay::tracking {

// A parameter, tag or environment value.
class Value {
 public:
  Value() : data_(std::string()) {}
  template <std::floating_point T>
  Value(T number) : data_(static_cast<double>(number)) {}  // NOLINT: converts on purpose
  template <std::integral T>
  requires(!std::same_as<T, bool>) Value(T number)
      : data_(static_cast<int64_t>(number)) {}  // NOLINT: converts on purpose
  template <std::same_as<bool> T>
  Value(T flag) : data_(flag) {}                              // NOLINT: converts on purpose
  Value(std::string text) : data_(std::move(text)) {}         // NOLINT: converts on purpose
  Value(std::string_view text) : data_(std::string(text)) {}  // NOLINT: converts on purpose
  Value(const char* text) : data_(std::string(text)) {}       // NOLINT: converts on purpose

  const std::variant<double, int64_t, bool, std::string>& data() const { return data_; }
  // As people read it: shortest digits that give the number back, true/false, the text.
  std::string text() const;
  bool operator==(const Value&) const = default;

 private:
  std::variant<double, int64_t, bool, std::string> data_;
};

enum class RunStatus { kRunning, kCompleted, kFailed, kCancelled, kInterrupted, kPruned };
// "running", "completed", "failed", "cancelled", "interrupted", "pruned".
std::string_view name_of(RunStatus status);
// Fails: invalid_argument with the nearest status.
Result<RunStatus> parse_run_status(std::string_view name);

// What a list of runs shows. Times are nanoseconds since 1970 UTC.
struct RunInfo {
  std::string run_id{};         // ULID
  std::string parent_run_id{};  // ULID, or empty
  std::string kind{};           // sweep, trial, job, pipeline or step
  std::string name{};
  std::string experiment{};
  std::string user{};
  RunStatus status = RunStatus::kRunning;
  std::string message{};  // why it ended so; empty if there is nothing to say
  std::string metric{};   // the main metric's name, or empty
  std::optional<double> score{};
  int64_t created_ns = 0;
  int64_t ended_ns = 0;  // 0 while it runs
  std::string writer{};  // id of the writer that published it
  uint64_t wal_seq = 0;  // last journal record in it; 0 without a journal
  bool finished = false;
};

struct MetricPoint {
  int64_t step = 0;
  double time = 0;  // seconds since 1970 UTC
  double value = 0;
};

// A file that the run kept; its bytes are in the blob store.
struct Artifact {
  std::string path{};  // relative, '/' between folders
  std::string sha256{};
  int64_t size = 0;
  std::string media_type{};
};

// A row-major matrix [rows, columns], f32 or f64, with one id a row.
struct Predictions {
  std::string name{};
  int64_t rows = 0;
  int64_t columns = 0;
  std::variant<std::vector<float>, std::vector<double>> values{};
  std::vector<int64_t> row_ids{};           // rows of them, or empty for 0..rows-1
  std::vector<std::string> column_names{};  // columns of them, or empty
};

struct TableColumn {
  std::string name{};
  std::variant<std::vector<double>, std::vector<int64_t>, std::vector<std::string>> values{};
};

// A small named table (feature importance, a confusion matrix, a profile). Columns are equally
// long and have different names.
struct NamedTable {
  std::string name{};
  std::vector<TableColumn> columns{};
};

struct SourceFile {
  std::string path{};  // relative
  uint32_t mode = 0;
  int64_t size = 0;
  std::string sha256{};
};

// Where the run's instructions came from. A trial's record holds the manifest's hash and its own
// config; the sweep's also lists the files.
struct SourceInfo {
  std::string manifest_sha256{};  // blob with the list of files, or empty
  std::vector<SourceFile> files{};
  std::string config{};  // text of the config file, or of this trial's own setting
  std::string config_path{};
  std::string git_commit{};  // empty outside a repository
  std::string git_branch{};
  bool git_dirty = false;
  std::string git_diff_sha256{};  // blob with the patch of tracked files, or empty
  std::string git_note{};         // why something about git is not known, or empty
};

struct DatasetUse {
  std::string name{};
  std::string version{};
  std::string content_hash{};  // SHA-256 of the uncompressed bytes
  std::string role{};          // train, validation, test, ...
  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<TableColumn> profile{};  // a row for each column of the data set; may be empty
};

struct ModelUse {
  std::string name{};
  int64_t version = 0;   // 0 for a candidate that is not registered
  std::string sha256{};  // its blob
  int64_t size = 0;
  int64_t format_version = 0;
  std::string input_contract{};  // JSON text
};

struct RunRecord {
  RunInfo info;
  std::map<std::string, Value> params{};
  std::map<std::string, Value> tags{};
  std::map<std::string, std::vector<MetricPoint>> metrics{};
  std::string stdout_text{};
  std::string stderr_text{};
  std::vector<Artifact> artifacts{};
  std::vector<std::shared_ptr<const Predictions>> predictions{};
  std::vector<std::shared_ptr<const NamedTable>> tables{};
  std::optional<SourceInfo> source{};
  std::map<std::string, Value> environment{};
  std::vector<DatasetUse> datasets{};
  std::vector<ModelUse> models{};
};

}  // namespace assay::tracking
