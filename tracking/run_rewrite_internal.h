// Changing a run that has ended: its file is replaced by one with the change, while other processes
// that would change it wait (change_lock_internal.h); if one did all the same, the change is made
// on what that wrote. Thread-safe.
#pragma once

#include <string_view>

#include "kernels/base/function_ref.h"
#include "kernels/base/status.h"
#include "tracking/run_record.h"
#include "tracking/workspace.h"

namespace assay::tracking {

// Makes the change in the record; false if there is nothing to change.
using RunEdit = FunctionRef<Result<bool>(RunRecord&)>;

// Durable when it returns; gives the record as it is then.
// `recovered` is what Workspace::recover() said before, which writes the files that this process
// and dead ones have not. Fails: as find_only_run() and `edit`; invalid_argument if the run is
// running; as `recovered` if the run's file is not written, else invalid_argument; io, also if this
// writer was taken over.
Result<RunRecord> rewrite_run(Workspace& workspace, std::string_view reference,
                              const Status& recovered, RunEdit edit);

}  // namespace assay::tracking
