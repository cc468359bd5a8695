// The way out for damaged files: they are put away into quarantine/<id>/ below the workspace, under
// the paths that they had, and what is left is whole again. Nothing in there is read by anything
// but the check, which takes a blob that lies there for a known loss. NOTE.json in each such folder
// says what was put away, why, when and by whom; it is written before anything moves, so that a
// process that is killed in between leaves no file there without a word. To give up what is in
// quarantine, remove its folder; to bring a file back that was mended, move it to its old path.
// Thread-safe.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/clock.h"
#include "kernels/base/status.h"
#include "tracking/workspace.h"
#include "tracking/workspace_check.h"

namespace assay::tracking {

inline constexpr std::string_view kQuarantine = "quarantine";

struct QuarantineReport {
  std::string folder{};  // quarantine/<id> below the workspace; empty if nothing was put away
  std::vector<DamagedFile> moved{};
  // What turned out to be whole (it was replaced since it was found), is gone, or was written by a
  // newer release, which can read it.
  std::vector<DamagedFile> left{};
};

// Puts the files away. A file that is whole by then is put back. Of a version's record the version
// is given up first (ModelRegistry::give_up_version); in the place of a model's damaged or missing
// events one is left that says which are lost, so that their numbers stay taken and nobody is told
// of them again. Instead of a missing run, blob, record or events, an empty file named
// <name>.missing is left in quarantine. Folders of dead writers go as a whole. Durable when it
// returns. Fails: io.
Result<QuarantineReport> quarantine_files(Workspace& workspace, std::span<const DamagedFile> files);

// Checks the workspace thoroughly and puts away all that is damaged. What dead writers' journals
// still hold of a damaged run is recovered afterwards. Fails: io; cancelled.
Result<QuarantineReport> quarantine_damage(Workspace& workspace, const StopToken& stop);

// The damaged file of one run, by the run's id or the beginning of it. Fails: not_found if there is
// no such file that is damaged, invalid_argument if there are several; io.
Result<DamagedFile> find_damaged_run(Workspace& workspace, std::string_view reference);
// Puts that file away. Fails: likewise; as quarantine_files().
Result<QuarantineReport> quarantine_run(Workspace& workspace, std::string_view reference);

// Hashes of the blobs that were put away or noted as missing. Fails: io.
Result<std::set<std::string>> quarantined_blobs(Workspace& workspace);
// Likewise the ids of runs.
Result<std::set<std::string>> quarantined_runs(Workspace& workspace);

}  // namespace assay::tracking
