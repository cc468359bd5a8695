// A run whose file is gone although nobody deleted it or put it in quarantine: removed by hand, or
// lost with a part of the disk. The run file is the truth of a run, so only a cache, the catalog,
// can know that there was one. Plain values.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/workspace.h"

namespace assay::tracking {

struct MissingRun {
  std::string run_id{};
  std::string name{};
  bool operator==(const MissingRun&) const = default;
};

// What people are told: the run, its name and the file that is gone.
std::string missing_run_message(const Workspace& workspace, const MissingRun& run);
// Likewise of several; of many only the first ones are named.
std::vector<std::string> missing_run_messages(const Workspace& workspace,
                                              std::span<const MissingRun> runs);

// Ids of the runs whose absence is explained, sorted: their file is in the trash or in quarantine,
// or a record says that they were removed (removed_runs.h). Fails: io, data.
Result<std::vector<std::string>> explained_absences(Workspace& workspace);

}  // namespace assay::tracking
