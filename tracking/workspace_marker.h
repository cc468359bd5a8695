// WORKSPACE, the file that makes a folder a workspace: format, uuid and display name. A workspace
// that lost it holds all that it held, but cannot be opened, and no other one is made in its place;
// it is written anew on demand. The uuid is then another: nothing else in the workspace has it, and
// only models that were exported or copied from here name it, as their origin. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "kernels/base/file_layer.h"
#include "kernels/base/status.h"
#include "tracking/records_internal.h"
#include "tracking/workspace.h"

namespace assay::tracking {

// Whether a folder has no WORKSPACE, but a run, a blob, a version of a model or a writer's lease
// where a workspace has them, and is no unfinished copy.
bool lost_marker(FileLayer& files, const std::string& folder);

// The error for such a folder: data, with the way out.
tl::unexpected<Error> marker_error(const std::string& folder);

// A move to another disk takes the workspace out of its place, to <folder>.moved-<pid>, before it
// removes it. Fails: io if `folder` is not there and such a folder beside it is: the move goes on,
// or was cut short, and no other workspace must be made in that place.
inline constexpr std::string_view kMovedSuffix = ".moved-";
Status check_not_moving(FileLayer& files, const std::string& folder);

// Writes WORKSPACE whole or not at all; the first of several writers wins. `id` is for a temporary
// file. Fails: io.
Status write_marker(FileLayer& files, const std::string& folder, const std::string& text,
                    const std::string& id);

// What the file says. Fails: not_found; data if it is damaged or no file, with the way out, or if a
// newer release wrote it; io.
Result<WorkspaceRecord> read_marker(FileLayer& files, const std::string& folder);

struct MarkerRepair {
  std::string path{};  // the workspace
  bool written = false;
  std::string put_away{};  // where the damaged file is now, below the workspace; empty if none was
};

// Writes the WORKSPACE of the workspace that the search means, if it is missing or damaged. A
// damaged one, or what else has its name, is put into quarantine. `files`: as for
// Workspace::open(). Durable when it returns. Fails: not_found if there is no workspace; data if a
// newer release wrote the file; io.
Result<MarkerRepair> repair_marker(const WorkspaceSearch& search, FileLayer* files = nullptr);

}  // namespace assay::tracking
