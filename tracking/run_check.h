// Checking a workspace's run files against their own hashes, and the catalog against them.
// Only reads. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/workspace.h"

namespace assay::tracking {

struct RunCheck {
  int64_t files = 0;
  int64_t bytes = 0;
  std::vector<std::string> damaged{};  // a message for each bad run file, with its name
  bool catalog_present = false;
  int64_t catalog_runs = 0;
  std::vector<std::string> catalog_problems{};
};

// Reads every run file whole. Fails: io if the workspace cannot be read.
Result<RunCheck> check_runs(Workspace& workspace);

}  // namespace assay::tracking
