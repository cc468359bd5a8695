// Looks at a store after a crash and tells what is wrong with it: nothing readable may be torn, and
// nothing acknowledged may be missing. Every run in it must have been logged by a RunScript.
#pragma once

#include <string>
#include <vector>

#include "kernels/base/status.h"
#include "tests/tracking/crash/ledger.h"
#include "tracking/workspace.h"

namespace assay::tracking {

// One line for each thing that is wrong; empty is well.
using Problems = std::vector<std::string>;

enum class Writers {
  kMayLive,  // runs may be running
  kAreDead,  // what has not ended must show as interrupted
};

// Every run, blob and registered model that can be seen is whole: runs are what their scripts say,
// blobs hash to their names, models have their bytes.
Problems check_whole(Workspace& workspace, Writers writers);

// All acknowledged facts are there. A damaged store may give a problem here as well.
Problems check_kept(const std::shared_ptr<Workspace>& workspace, const Ledger& ledger);

// Nothing is left of dead writers, as after a recovery.
Problems check_writers(const std::string& path);

// What the next program that writes to the store does first: takes over what dead writers left.
Status recover_store(const std::string& path, FileLayer* files = nullptr);

// Opens the store, checks it as a reader sees it now, recovers it, checks it again and that the
// ledger's facts are kept.
Problems recover_and_check(const std::string& path, const Ledger& ledger);

// Makes every LEASE below the workspace look as if its writer ran before the machine last started,
// as after a loss of power: this process and its children, alive, then count as dead.
void age_leases(const std::string& workspace_path);

}  // namespace assay::tracking
