// Which runs people took away: deleted, or put in quarantine. A run file is the truth of a run, so
// nothing else says why one is not there; and the catalog, which may know that there was one, is a
// cache that can be stale. So whoever takes runs away writes that down first, as one small record
// in removals/, and whoever brings some back writes that down after. The last record of a run
// counts. Thread-safe.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>

#include "kernels/base/status.h"
#include "tracking/workspace.h"

namespace assay::tracking {

inline constexpr std::string_view kRemovals = "removals";

enum class Removal { kRemoved, kRestored };

// Needs a writer lease. Durable when it returns. When there are many records they are made one.
// Fails: io, also if this writer was taken over.
Status note_removal(Workspace& workspace, Removal what, std::span<const std::string> run_ids);

// Runs whose last record says that they were removed; they may be in the trash, in quarantine, or
// given up. Fails: io; data, naming the record, if one is damaged.
Result<std::set<std::string>> removed_runs(Workspace& workspace);

}  // namespace assay::tracking
