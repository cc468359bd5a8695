// Keeps what users name for output out of workspaces: only the store itself writes there.
// Thread-safe.
#pragma once

#include <string>

#include "kernels/base/status.h"

namespace assay::tracking {

// The workspace whose folder `path` lies in or is, links followed; `path` need not be there. Empty
// if there is none. One whose WORKSPACE file is damaged is known by its folders.
std::string workspace_around(const std::string& path);

// Fails: invalid_argument if `path` lies in a workspace.
Status check_outside_workspaces(const std::string& path);

}  // namespace assay::tracking
