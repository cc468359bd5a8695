// Finding runs: lists with filters, and lookup by what people type. Reads the run files, and the
// journals of writers for what is not in them yet; works in a read-only workspace. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/run_record.h"
#include "tracking/workspace.h"

namespace assay::tracking {

// Empty fields do not filter. Experiments and kinds compare in ASCII lower case.
struct RunFilter {
  std::string experiment{};
  std::string kind{};
  std::optional<RunStatus> status{};
  std::string parent_run_id{};
  int64_t limit = 0;  // the newest so many; 0: all
};

struct RunList {
  std::vector<RunInfo> runs{};            // newest first
  std::vector<std::string> damaged{};     // a message for each file that could not be read
  std::vector<std::string> unreadable{};  // those of them that may be whole, as in RunPage
};

// A run that says running but whose writer is dead is shown as interrupted.
// Fails: io if the workspace cannot be read.
Result<RunList> list_runs(Workspace& workspace, const RunFilter& filter = {});

// A run by its id, the beginning of its id (4 characters or more) or its name; of several with one
// name the newest. Fails: not_found with the nearest name, invalid_argument if a beginning fits
// several runs, data if the run's file is damaged.
Result<RunInfo> find_run(Workspace& workspace, std::string_view reference);

// The same for what changes a run: a name that several have fails with invalid_argument, too.
Result<RunInfo> find_only_run(Workspace& workspace, std::string_view reference);

// find_run, then all of it, up to what its journal had when the call began.
Result<RunRecord> load_run(Workspace& workspace, std::string_view reference);

// People may type the beginning of an id, in any case, of at least this length.
inline constexpr size_t kShortestPrefix = 4;
bool begins_id(std::string_view prefix, std::string_view id);
// What a beginning that fits several runs fails with: invalid_argument.
tl::unexpected<Error> ambiguous_prefix(std::string_view prefix, std::string_view one,
                                       std::string_view other);

// The file of a run, as an absolute or workspace-relative path that can be opened.
std::string run_file_of(const Workspace& workspace, const std::string& run_id);

}  // namespace assay::tracking
