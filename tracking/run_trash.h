// Deleted runs. A run's file moves to trash/runs/ and back by rename; it keeps all that it had, and
// so do its blobs, until purge_runs() gives it up. Runs below a deleted run go with it.
// Thread-safe; two processes may delete, restore and purge at once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/run_record.h"
#include "tracking/workspace.h"

namespace assay::tracking {

inline constexpr std::string_view kRunTrash = "trash/runs";

struct DeletedRun {
  RunInfo info;
  int64_t deleted_ns = 0;  // nanoseconds since 1970 UTC
  int64_t bytes = 0;       // of its file
  std::string path{};
};

// Moves a run and all runs below it to the trash; gives them, the one named first. Durable when it
// returns. Fails: as find_only_run(); invalid_argument if one of them is still running, or, unless
// `force`, if a registered model comes from one of them, naming it; io. Does without a lease where
// the disk has no room for one, if the files and journals of all the runs say that they have ended:
// nobody writes them any more.
Result<std::vector<RunInfo>> delete_run(Workspace& workspace, std::string_view reference,
                                        bool force = false);

// The same for several runs at once, all or none; parents come before children. The check for
// models reads one small file for each version that is registered, until it finds one.
Result<std::vector<RunInfo>> delete_runs(Workspace& workspace, std::span<const RunInfo> runs,
                                         bool force = false);

// What is in the trash, last deleted first. Files that cannot be read are left out and told in
// `damaged` (may be null).
Result<std::vector<DeletedRun>> deleted_runs(Workspace& workspace,
                                             std::vector<std::string>* damaged = nullptr);

// Moves a deleted run and the deleted runs below it back, by id, beginning of its id (4 characters
// or more) or name. Durable when it returns.
// Fails: not_found with the nearest name, invalid_argument if a beginning fits several, io.
Result<std::vector<RunInfo>> restore_run(Workspace& workspace, std::string_view reference);

// The same for several references at once; nothing is moved if one of them fits none, or if one of
// the runs is there already. Parents come before children.
Result<std::vector<RunInfo>> restore_runs(Workspace& workspace,
                                          std::span<const std::string> references);

// Removes for good what was deleted before `before_ns`, damaged files too (of which only id, size
// and path are given); gives what was removed. With `dry_run` only says what would be. Does without
// a lease where the disk has no room for one: a name in the trash is that of one deletion, and as
// old whoever looks. Fails: io.
Result<std::vector<DeletedRun>> purge_runs(Workspace& workspace, int64_t before_ns, bool dry_run);

}  // namespace assay::tracking
