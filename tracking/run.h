// Run records one run in memory and publishes it as one complete, immutable HDF5 file at
// each checkpoint and at the end. Readers see the last published state or nothing, never half a
// file. Log calls only append to memory. Thread-safe: several threads may log to one run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "kernels/base/status.h"
#include "tracking/blob_store.h"
#include "tracking/run_record.h"
#include "tracking/workspace.h"

namespace assay::tracking {

struct RunSpec {
  std::string kind = "job";            // sweep, trial, job, pipeline or step
  std::string experiment = "default";  // a name as kernels/base/names.h says
  std::string name{};                  // up to 256 bytes of UTF-8; empty: made from kind and id
  std::string parent_run_id{};         // a run id, or empty
};

enum class TextStream { kStdout, kStderr };

class Run {
 public:
  // The run's file is written by the first checkpoint() or finish().
  // Fails: invalid_argument for a bad kind, name, experiment or parent id; io if the workspace
  // cannot be written.
  static Result<std::unique_ptr<Run>> create(std::shared_ptr<Workspace> workspace, RunSpec spec);
  // A run that was never finished stays as last published and shows as interrupted.
  ~Run() = default;
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  const std::string& id() const { return id_; }
  const std::shared_ptr<Workspace>& workspace() const { return workspace_; }

  // All that follow fail with invalid_argument after finish(), for a key that is empty, longer
  // than 512 bytes, not UTF-8 or holds a NUL, and where the line says so. Values may be any bytes.

  // A second value for a key replaces the first.
  Status log_param(std::string_view key, Value value);
  Status set_tag(std::string_view key, Value value);
  // Appends a point; NaN and infinities are kept. `time` is seconds since 1970 UTC, now if absent.
  Status log_metric(std::string_view key, double value, int64_t step = 0,
                    std::optional<double> time = std::nullopt);
  // A metric without points shows that it was declared.
  Status declare_metric(std::string_view key);
  // Fails: resource_exhausted above 64 MiB a stream.
  Status log_text(TextStream stream, std::string_view text);
  // Stores the bytes as a blob now; the entry is published with the run. `path` is relative and
  // has no '..'; a second artifact with the same path replaces the first. Fails: io.
  Status log_artifact(std::string_view path, std::span<const std::byte> bytes,
                      std::string_view media_type);
  Status log_artifact_file(std::string_view path, const std::string& file,
                           std::string_view media_type);
  // Fails: invalid_argument if sizes disagree. A second set of the same name replaces the first.
  Status log_predictions(Predictions predictions);
  Status log_table(NamedTable table);
  // The main metric's score, shown in lists.
  Status set_score(std::string_view metric, double score);
  Status set_source(SourceInfo source);
  Status set_environment(std::map<std::string, Value> values);
  Status add_dataset(DatasetUse dataset);
  Status add_model(ModelUse model);

  // Publishes the state so far with status running. Durable when it returns. Fails: io; what was
  // published before stays as it was.
  Status checkpoint();
  // Publishes the final state. May be called again after a failure. Fails: io; invalid_argument
  // for kRunning.
  Status finish(RunStatus status, std::string_view message = "");

 private:
  Run(std::shared_ptr<Workspace> workspace, RunRecord record);
  Status publish(const RunRecord& record);
  Status add_artifact(std::string_view path, std::string_view media_type, const BlobRef& blob);
  template <class Change>
  Status change(Change apply);

  const std::shared_ptr<Workspace> workspace_;
  const std::string id_;
  std::mutex publish_mutex_;  // taken before mutex_; keeps published states in order
  std::mutex mutex_;          // guards record_
  RunRecord record_;
};

}  // namespace assay::tracking
