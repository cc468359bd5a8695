#include "tracking/recovery.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tracking/journal_index.h"
#include "tracking/records_internal.h"
#include "tracking/run_change.h"
#include "tracking/run_file.h"
#include "tracking/run_publisher.h"
#include "tracking/side_by_side.h"
#include "tracking/workspace.h"
#include "tracking/writer_lease.h"

namespace assay::tracking {
namespace {

constexpr int64_t kLeaseLimitBytes = 64 * 1024;

int64_t heartbeat_of(FileLayer& files, const std::string& folder) {
  const std::string path = folder + "/LEASE";
  const auto text = read_file(files, path, kLeaseLimitBytes);
  if (!text) return 0;
  const auto lease = parse_lease(*text, path);
  return lease ? lease->heartbeat_ns : 0;
}

// Temporary files of the dead writer: no rename of it can succeed any more.
void remove_temporaries(FileLayer& files, const std::string& folder) {
  const auto names = files.list(folder + "/tmp");
  if (!names) return;
  for (const std::string& name : *names) (void)files.unlink(folder + "/tmp/" + name);
}

// Publishes what the journal knows of the run and its file does not. True if it published.
Result<bool> recover_run(Workspace& workspace, RunPublisher& publisher, const JournalIndex& index,
                         const std::string& run_id, int64_t heartbeat_ns) {
  FileLayer& files = workspace.files();
  const JournalIndex::Entry& entry = index.runs().at(run_id);
  const std::string path = fmt::format("{}/{}", workspace.path(), run_file_path(run_id));
  RunRecord record;
  if (files.exists(path)) {
    ASSAY_ASSIGN_OR_RETURN(const RunInfo info, read_run_info(files, path));
    const bool later = info.writer != entry.identity.writer;
    const bool whole = JournalIndex::reach(entry, info.wal_seq) == info.wal_seq &&
                       info.status != RunStatus::kRunning;
    if (later || whole) return false;
    ASSAY_ASSIGN_OR_RETURN(record, read_run(files, path));
  } else if (entry.published_seq > 0) {
    return false;  // deleted since
  }
  ASSAY_RETURN_IF_ERROR(index.replay(run_id, record));
  if (entry.lost == 0) {
    end_interrupted(record, heartbeat_ns);
  } else {
    end_interrupted(record, heartbeat_ns,
                    fmt::format("its process ended before it did, and damage of its journal took "
                                "up to {} of its changes",
                                entry.lost));
  }
  ASSAY_RETURN_IF_ERROR(publisher.write(record));
  return true;
}

// Fails: io, which ends the recovery.
Status count_run(const std::string& run_id, const Result<bool>& published, RecoveryReport& report) {
  ++report.runs;
  if (published) {
    report.published += *published ? 1 : 0;
    return {};
  }
  if (published.error().code != StatusCode::kData) {
    return fail_with(published.error(), fmt::format("cannot recover run {}", run_id));
  }
  report.damaged.push_back(
      fmt::format("run {} is not recovered: {}", run_id, published.error().message));
  return {};
}

}  // namespace

void end_interrupted(RunRecord& record, int64_t heartbeat_ns, std::string_view why) {
  if (record.info.finished) return;
  double last = 0;
  for (const auto& [key, points] : record.metrics) {
    if (!points.empty() && std::isfinite(points.back().time)) {
      last = std::max(last, points.back().time);
    }
  }
  constexpr double kLatest = 9e9;  // seconds; what is later is no time of a point
  const auto last_ns = static_cast<int64_t>(std::min(last, kLatest) * 1e9);
  const int64_t ended_ns = std::max({record.info.created_ns, heartbeat_ns, last_ns});
  apply(record, FinishRun{RunStatus::kInterrupted, std::string(why), ended_ns});
}

Result<RecoveryReport> recover_folder(Workspace& workspace, RunPublisher& publisher,
                                      const std::string& folder, const RecoveryPace& pace) {
  FileLayer& files = workspace.files();
  remove_temporaries(files, folder);
  const int64_t heartbeat_ns = heartbeat_of(files, folder);
  auto read = JournalIndex::read(files, folder);
  // Another process took the folder over from us, or finished it: theirs to recover.
  if (!read && read.error().code == StatusCode::kNotFound) return RecoveryReport();
  if (!read) return tl::unexpected<Error>(std::move(read.error()));
  const JournalIndex& index = *read;
  RecoveryReport report;
  report.damaged = index.damaged();
  std::vector<std::string> ids;
  for (const auto& [run_id, entry] : index.runs()) ids.push_back(run_id);
  for (size_t begin = 0; begin < ids.size();) {
    if (pace.stopped()) return fail(StatusCode::kCancelled, "recovery of '{}' was stopped", folder);
    const size_t count = std::min(pace.runs_at_once(), ids.size() - begin);
    std::vector<Result<bool>> published(count, false);
    side_by_side(count, [&](size_t i) {
      published[i] = recover_run(workspace, publisher, index, ids[begin + i], heartbeat_ns);
    });
    for (size_t i = 0; i < count; ++i) {
      ASSAY_RETURN_IF_ERROR(count_run(ids[begin + i], published[i], report));
    }
    begin += count;
  }
  if (!report.damaged.empty()) return report;
  bool first = true;
  for (const std::string& segment : index.segments()) {
    // The oldest first and for good, as the journal does.
    if (!std::exchange(first, false)) {
      const Status synced = files.sync_folder(folder);
      // Another thread or process has removed it, or took it over and goes on.
      if (!synced && synced.error().code == StatusCode::kNotFound) return report;
      ASSAY_RETURN_IF_ERROR(synced);
    }
    const Status removed = files.unlink(segment);
    if (!removed && removed.error().code != StatusCode::kNotFound) {
      return tl::unexpected<Error>(removed.error());
    }
  }
  (void)remove_writer_folder(files, folder);
  return report;
}

}  // namespace assay::tracking
