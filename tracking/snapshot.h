// What a run was started from: config file, command line, state of the git repository around the
// config. Files become blobs, the list of them a manifest blob: the sweep's run lists it, its
// trials hold only the hash. Reads the user's folder, never writes to it.
#pragma once

#include <string>
#include <vector>

#include "kernels/base/clock.h"
#include "kernels/base/status.h"
#include "tracking/run_record.h"
#include "tracking/workspace.h"

namespace assay::tracking {

struct SnapshotRequest {
  std::string config_path{};  // may be empty: no file was given
  std::string config_text{};
  std::vector<std::string> command_line{};
  std::string
      folder{};  // what git is asked about; empty: the config's folder, else the current one
  const StopToken* stop = nullptr;  // git's part is given up when it says so; may be null
};

// Source of the parent run. Trouble with git is no failure: it is said in git_note.
// Fails: io if a blob cannot be stored.
Result<SourceInfo> take_snapshot(Workspace& workspace, const SnapshotRequest& request);

// Source of a child run: the parent's manifest and commit, and the child's own config.
SourceInfo child_source(const SourceInfo& parent, std::string config);

struct GitState {
  std::string commit{};
  std::string branch{};  // empty if HEAD is detached
  bool dirty = false;    // tracked files differ from the commit
  std::string diff{};    // unified patch; empty if clean, too large or not asked for
  std::string note{};
};

// Empty fields outside a repository. Never fails: `note` says what is not known.
GitState read_git_state(const std::string& folder, const StopToken* stop);

}  // namespace assay::tracking
