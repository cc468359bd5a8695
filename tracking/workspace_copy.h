// Copies a workspace to another folder: runs, blobs, models, data sets and what is in the trash and
// in quarantine, each file verified as it is copied. Works beside writers, and on a workspace that
// cannot be written. Writers, journals and caches stay behind: what is only in a journal is in the
// copy as a run file, with all that was acknowledged when the copy began, and the copy gets a
// catalog of its own. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernels/base/clock.h"
#include "kernels/base/status.h"
#include "tracking/workspace.h"

namespace assay::tracking {

struct CopyReport {
  int64_t files = 0;
  int64_t bytes = 0;
  int64_t runs_cut = 0;  // that were under way: in the copy they are interrupted
  // A message for each file and journal that is damaged, naming it: the copy has it not, but for
  // damaged records of the model registry, which keep their numbers. Likewise for each record and
  // blob that is missing and not known to be lost.
  std::vector<std::string> damaged{};
  // Likewise for each file, folder and journal that could not be read, and may be whole.
  std::vector<std::string> unreadable{};

  bool complete() const { return damaged.empty() && unreadable.empty(); }
};

// `to` must be missing, empty, or what a copy left that was cut short, and not inside the
// workspace. It becomes a workspace with the last file copied; until then it holds a file COPYING
// that says who copies. If the copy fails, what it made is removed again, as far as that can be
// done. The copy has an identity (uuid) of its own and the same display name. `progress` hears the
// bytes so far; may be empty. Fails: invalid_argument; already_exists if `to` holds anything else,
// or another process copies to it now; io; cancelled.
enum class CopyEnd {
  kPublish,
  kHold,  // whole, but no workspace that anybody can open before publish_copy()
};
Result<CopyReport> copy_workspace(Workspace& workspace, const std::string& to,
                                  const StopToken& stop,
                                  const std::function<void(int64_t)>& progress = {},
                                  CopyEnd end = CopyEnd::kPublish);
// Makes a copy that is held the workspace that it is to be; `workspace` may be gone by now.
// Fails: io.
Status publish_copy(Workspace& workspace, const std::string& to);

// Removes what a copy left in a folder that was cut short, so that it is empty. Does nothing to a
// folder without COPYING in it. Fails: already_exists if the copy goes on in another process, or
// the folder holds what no copy makes; io.
Status clear_unfinished_copy(FileLayer& files, const std::string& folder);

// Processes that write to the workspace now, as far as can be told from here; this one's own lease
// counts if it has one. Fails: io.
Result<int> live_writers(Workspace& workspace);

}  // namespace assay::tracking
