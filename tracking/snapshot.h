// What a run was started from: config file, scripts folder, command line, state of the git
// repository around the config. Files become blobs, the list of them (with modes) a manifest blob:
// the sweep's run lists it, its trials hold only the hash. Reads the user's folders, never writes
// to them. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/clock.h"
#include "kernels/base/status.h"
#include "tracking/run_record.h"
#include "tracking/workspace.h"

namespace assay::tracking {

// What a scripts folder may hold, ignored files not counted.
inline constexpr int64_t kSnapshotMaxBytes = 300'000'000;
inline constexpr int64_t kSnapshotMaxFiles = 2'000;

struct SnapshotRequest {
  std::string config_path{};  // may be empty: no file was given
  std::string config_text{};
  std::vector<std::string> command_line{};
  // What git is asked about; empty: the config's folder and, if that is in no repository, the
  // scripts folder; without both the current one.
  std::string folder{};
  const StopToken* stop = nullptr;  // git's part is given up when it says so; may be null
  // Kept whole but for what .amlignore or .gitignore leave out; empty: no scripts.
  std::string scripts{};
  const StopToken* cancel = nullptr;  // ends everything; may be null
  int64_t max_bytes = kSnapshotMaxBytes;
  int64_t max_files = kSnapshotMaxFiles;
};

struct Snapshot {
  SourceInfo source{};
  std::vector<std::string> notes{};  // what was left out, for people
};

// Source of the parent run. Trouble with git is no failure: it is said in git_note. Paths are
// relative to the config's folder: the config by its name, a scripts folder below it as it lies
// there, any other under its own name (without a config: at the top).
// Fails: io if a file cannot be read or a blob not stored; not_found if there is no such scripts
// folder; invalid_argument, naming the largest folders and files, if it holds too much; cancelled.
Result<Snapshot> take_snapshot(Workspace& workspace, const SnapshotRequest& request);

// Source of a child run: the parent's manifest and commit, and the child's own config.
SourceInfo child_source(const SourceInfo& parent, std::string config);

// What the manifest blob says.
struct SourceManifest {
  std::string config_path{};
  std::vector<std::string> command_line{};
  std::string git_commit{};
  std::string git_branch{};
  bool git_dirty = false;
  std::string git_diff_sha256{};
  std::string scripts{};  // where the scripts folder is in the list; empty: none, or at the top
  std::string ignore{};   // the ignore rules it went by: .amlignore, git or .gitignore
  std::vector<std::string> notes{};
  std::vector<SourceFile> files{};
};

// The manifest of a run, also of a trial. Fails: not_found if the run has no source or its manifest
// is gone; data if it is damaged.
Result<SourceManifest> read_manifest(Workspace& workspace, const RunRecord& record);

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
