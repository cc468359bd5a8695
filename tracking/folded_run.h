// The files of runs as a copy of the workspace has them: whole, also where the workspace itself has
// a part of the run in a journal only. Writes nothing. Thread-safe.
#pragma once

#include <optional>
#include <string>

#include "kernels/base/status.h"
#include "tracking/journal_view.h"
#include "tracking/run_links.h"
#include "tracking/workspace.h"

namespace assay::tracking {

struct FoldedRun {
  std::string bytes{};              // of a run file, its seal verified
  bool cut = false;                 // the run had not ended: in here it is interrupted
  std::optional<RunLinks> links{};  // where they are known without reading the bytes
};

// The run as its file and then its writer's journal have it, which is at least all that was
// acknowledged when the journals were read. A run that had not ended is ended as interrupted: now
// if its writer lives, else when it was last heard of. Where the file has it all, that is given
// byte for byte. Nothing if the run is not there, or was deleted.
// Fails: data if the file or the journal is damaged, naming it; io.
Result<std::optional<FoldedRun>> folded_run(Workspace& workspace, const JournalView& journals,
                                            const std::string& run_id);

}  // namespace assay::tracking
