// Run records one execution. Log calls append to memory and to the process's journal, which is on
// disk a few milliseconds later; durable() waits for that. The run's file, complete and immutable,
// is written by finish(), by checkpoint() and, as the run doubles, in the background. Readers see
// the published file plus what the journal has beyond it, never half of anything.
//
// Nothing throws and nothing waits for a disk, but log calls when the journal's buffer is full. A
// full disk shows as an error of durable(), checkpoint() and finish(); logging goes on in memory
// and reaches the disk when there is room.
//
// Memory: the run's record until it is published (24 bytes a point, at most
// JournalOptions::run_points of them; 64 MiB for each of its two texts), up to 96 KiB for each
// metric on its way, and a copy of the record while a checkpoint is written.
//
// Thread-safe: several threads may log to one run. No call may be under way when a Run is
// destroyed.
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
#include "tracking/run_change.h"
#include "tracking/run_record.h"
#include "tracking/workspace.h"

namespace assay::tracking {

class MetricBuffer;
class RunState;
class SystemSampler;

struct RunSpec {
  std::string kind = "job";            // sweep, trial, job, pipeline or step
  std::string experiment = "default";  // a name as kernels/base/names.h says
  std::string name{};                  // up to 256 bytes of UTF-8; empty: made from kind and id
  std::string parent_run_id{};         // a run id, or empty
};

// When finish() returns.
enum class FinishMode {
  kPublish,   // the run's file is on disk
  kDeferred,  // the end is in the journal's buffer; the file is written in the background
};

// A value of one metric among those of a step.
struct MetricValue {
  std::string_view key;
  double value = 0;
};

// One metric of a run, found once: for loops that log a lot. Cheap to copy. Thread-safe. May
// outlive its run; logging then fails.
class Metric {
 public:
  // Appends a point. `time` is seconds since 1970 UTC; if absent now, to a few milliseconds.
  // Fails: invalid_argument after the run's end; resource_exhausted if the run holds as many points
  // as it may; io if another process took the writer over.
  Status log(double value, int64_t step = 0, std::optional<double> time = std::nullopt);

 private:
  friend class Run;
  Metric(std::shared_ptr<RunState> run, MetricBuffer& buffer)
      : run_(std::move(run)), buffer_(&buffer) {}
  std::shared_ptr<RunState> run_;
  MetricBuffer* buffer_;
};

class Run {
 public:
  // Nothing is on disk until the journal's next commit.
  // Fails: invalid_argument for a bad kind, name, experiment or parent id; io if the workspace
  // cannot be written, or if too much waits to be published on a full disk.
  static Result<std::unique_ptr<Run>> create(std::shared_ptr<Workspace> workspace, RunSpec spec);
  // Goes on with a run that ended, or whose writer died: from here on it is running, with this
  // process as its writer and all that it recorded. Durable when it returns; until then it is as it
  // was. Its trials, models and files stay; what is logged again under an old name replaces it.
  // Takes over and recovers what dead writers left before. `record` gets what it holds.
  // Fails: not_found as find_run(); already_exists if it is running, or another process goes on
  // with it; data if its file is damaged; io.
  static Result<std::unique_ptr<Run>> reopen(std::shared_ptr<Workspace> workspace,
                                             std::string_view reference, RunRecord* record);
  // A run that was never finished is published as interrupted.
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  const std::string& id() const { return id_; }
  const std::shared_ptr<Workspace>& workspace() const { return workspace_; }
  // A run below this one, in the same experiment unless the spec says otherwise.
  Result<std::unique_ptr<Run>> start_child(RunSpec spec) const;

  // All that follow fail with invalid_argument after finish(), for a key that is empty, longer
  // than 512 bytes, not UTF-8 or holds a NUL, and where the line says so; with io once another
  // process took the writer over. Values may be any bytes.

  // A second value for a key replaces the first.
  Status log_param(std::string_view key, Value value);
  Status set_tag(std::string_view key, Value value);
  // Appends a point; NaN and infinities are kept. `time` is seconds since 1970 UTC, now if absent.
  Status log_metric(std::string_view key, double value, int64_t step = 0,
                    std::optional<double> time = std::nullopt);
  // Several metrics at one step and time.
  Status log_metrics(std::span<const MetricValue> values, int64_t step = 0,
                     std::optional<double> time = std::nullopt);
  // A handle for many points of one metric.
  Result<Metric> metric(std::string_view key);
  // A metric without points shows that it was declared.
  Status declare_metric(std::string_view key);
  // Fails: resource_exhausted above 64 MiB a stream.
  Status log_text(TextStream stream, std::string_view text);
  // Stores the bytes as a blob now; the entry is published with the run. `path` is relative,
  // without empty parts, '.', '..' and '.git'; a second artifact with the same path replaces the
  // first. Fails: io.
  Status log_artifact(std::string_view path, std::span<const std::byte> bytes,
                      std::string_view media_type);
  // Of bytes that this process stored (BlobStore::put).
  Status log_blob(std::string_view path, const BlobRef& blob, std::string_view media_type);
  Status log_artifact_file(std::string_view path, const std::string& file,
                           std::string_view media_type);
  // Fails: invalid_argument if sizes disagree. A second set of the same name replaces the first.
  // Sets and tables above 1 MiB are not journaled: the run's file is written soon instead.
  Status log_predictions(Predictions predictions);
  Status log_table(NamedTable table);
  // The main metric's score, shown in lists.
  Status set_score(std::string_view metric, double score);
  Status set_source(SourceInfo source);
  Status set_environment(std::map<std::string, Value> values);
  Status add_dataset(DatasetUse dataset);
  Status add_model(ModelUse model);

  // Logs the process's use of the machine every `period_seconds` (0.1 to 3600) until the run ends:
  // metrics system/cpu_percent (100 a core), system/rss_bytes, and system/gpu<n>_memory_bytes and
  // system/gpu<n>_percent where NVIDIA's library is installed and `with_gpus`. Fails:
  // invalid_argument.
  Status sample_system(double period_seconds, bool with_gpus = true);

  // Waits until all that this run logged before is on disk: it survives whatever happens.
  // Fails: io, with what stands in the way; then nothing is lost while the process lives.
  Status durable();
  // Publishes the state so far with status running. Durable when it returns. Fails: io; what was
  // published before stays as it was.
  Status checkpoint();
  // Ends the run. With kPublish durable when it returns; may be called again after a failure.
  // With kDeferred as soon as Workspace::flush() or durable() returns.
  // Fails: invalid_argument for kRunning; io.
  Status finish(RunStatus status, std::string_view message = "",
                FinishMode mode = FinishMode::kPublish);
  // Why the last attempt to write journal or run files failed, until one succeeds.
  Status health() const;

 private:
  Run(std::shared_ptr<Workspace> workspace, Journal& journal, RunPublisher& publisher,
      std::shared_ptr<RunState> state);
  Status publish_end(FinishRun end);
  Status finished_error() const;

  const std::shared_ptr<Workspace> workspace_;  // keeps what follows alive
  Journal& journal_;
  RunPublisher& publisher_;
  const std::shared_ptr<RunState> state_;
  const std::string id_;
  std::mutex sampler_mutex_;
  std::unique_ptr<SystemSampler> sampler_;
};

}  // namespace assay::tracking
