// Verifies a workspace: every run file against its seal and as HDF5, every blob against its hash,
// every model's record, every journal, and that each blob which something names is there. Reads
// all of it and writes nothing. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernels/base/clock.h"
#include "kernels/base/status.h"
#include "tracking/workspace.h"

namespace assay::tracking {

struct CheckReport {
  int64_t runs = 0;  // checked, those in the trash included
  int64_t run_bytes = 0;
  int64_t blobs = 0;
  int64_t blob_bytes = 0;
  int64_t models = 0;    // versions
  int64_t journals = 0;  // runs that a journal names
  // One message for each thing that is damaged or missing, naming it.
  std::vector<std::string> problems{};
};

// Called now and then with the number of things checked so far; may be empty.
using CheckProgress = std::function<void(int64_t done)>;

// Fails: io if a folder cannot be read; cancelled if `stop` says so.
Result<CheckReport> check_workspace(Workspace& workspace, const StopToken& stop,
                                    const CheckProgress& progress = {});

}  // namespace assay::tracking
