// One HDF5 file with many runs, for people who want to take everything along or analyse it with
// h5py alone. Thread-safe (HDF5 calls are made one at a time).
//
//   /runs/<run_id>      all that the run's own file holds, attributes included
//   /blobs/<sha256>     u8 [bytes], if asked for
//   attributes of /     schema "assay.bundle", schema_version 1, workspace, created_ns
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/clock.h"
#include "kernels/base/status.h"
#include "tracking/workspace.h"

namespace assay::tracking {

struct BundleOptions {
  std::vector<std::string> run_ids{};  // empty: all runs of the workspace; each counts once
  bool blobs = false;                  // the blobs that these runs name, too
};

struct BundleReport {
  int64_t runs = 0;
  int64_t blobs = 0;
  int64_t bytes = 0;     // of the file
  int64_t runs_cut = 0;  // that were under way: in the bundle they are interrupted
  // A message for each run and blob that cannot be read, naming it: the bundle has it not.
  std::vector<std::string> damaged{};
};

// Writes the file beside `path` and renames it there: it appears whole, and replaces what was
// there. Runs are as their files and journals have them (folded_run.h). Works on a workspace that
// cannot be written. Fails: not_found for an unknown run; io; cancelled.
Result<BundleReport> export_bundle(Workspace& workspace, const std::string& path,
                                   const BundleOptions& options, const StopToken& stop);

}  // namespace assay::tracking
