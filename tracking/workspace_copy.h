// Copies a workspace to another folder: published runs, blobs, models, data sets and what is in the
// trash, each file verified as it is copied. Writers, journals and caches stay behind; what is only
// in the journals of dead writers is published first. Runs of live writers are copied as last
// published. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "kernels/base/clock.h"
#include "kernels/base/status.h"
#include "tracking/workspace.h"

namespace assay::tracking {

struct CopyReport {
  int64_t files = 0;
  int64_t bytes = 0;
  // Runs of live writers with changes in a journal that the copy has not.
  int64_t runs_behind = 0;
};

// `to` must be missing or empty, and not inside the workspace. It becomes a workspace with the last
// file copied, so that a copy that was cut short is none. The copy has an identity (uuid) of its
// own and the same display name. `progress` hears the bytes so far; may be empty.
// Fails: invalid_argument, already_exists if `to` holds anything; data for a damaged run file or
// blob, naming it; io; cancelled. What was copied by then stays, and is no workspace.
Result<CopyReport> copy_workspace(Workspace& workspace, const std::string& to,
                                  const StopToken& stop,
                                  const std::function<void(int64_t)>& progress = {});

// Processes that write to the workspace now, as far as can be told from here; this one's own lease
// counts if it has one. Fails: io.
Result<int> live_writers(Workspace& workspace);

}  // namespace assay::tracking
