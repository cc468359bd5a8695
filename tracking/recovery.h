// Recovery: what dead writers left is taken over by renaming their folders, which fences a writer
// that was only asleep; then their journals are replayed, their runs published (those that never
// ended as interrupted), and the folders removed. May be killed at any point and run again; two
// processes may do it at once: a folder has one taker, and replaying twice changes nothing.
// Thread-safe.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/file_layer.h"
#include "kernels/base/status.h"
#include "tracking/run_record.h"

namespace assay::tracking {

class RunPublisher;
class Workspace;

struct RecoveryReport {
  int runs = 0;       // that the journal named
  int published = 0;  // that were not yet published in full
  // A message for each segment or run that could not be recovered. Then the folder stays.
  std::vector<std::string> damaged{};
};

// How recovery goes on: both are asked on the caller's thread, before each batch of runs.
struct RecoveryPace {
  std::function<bool()> stopped;
  // How many runs are recovered next, side by side; at least 1.
  std::function<size_t()> runs_at_once;
};

// Recovers a folder that this writer took over.
// Fails: io (a full disk); cancelled if `pace` says that it is stopped. May be called again.
Result<RecoveryReport> recover_folder(Workspace& workspace, RunPublisher& publisher,
                                      const std::string& folder, const RecoveryPace& pace);

// Ends a record whose writer died: status interrupted, ended when it was last heard of.
// `heartbeat_ns`: of the writer's lease, or 0; `why`: the run's message. Nothing happens to a
// record that is finished.
void end_interrupted(RunRecord& record, int64_t heartbeat_ns,
                     std::string_view why = "its process ended before it did");

}  // namespace assay::tracking
