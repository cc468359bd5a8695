// A run as plain files that need no Assay to be read:
//
//   run.h5                     the run's file
//   metrics.csv                metric,step,time,value
//   logs/stdout.txt stderr.txt
//   artifacts/<path>
//   predictions/<name>.csv     row_id and a column for each output
//   tables/<name>.csv
//   datasets/<n>.csv           column profiles
//   models/<name>-<version>.assay
//   source/config              the config's text (of a trial: its own setting)
//   source/manifest.json       source/git.diff
//   source/files/...           the scripts, as `assay runs checkout` writes them
//
// Parts without content are not there. '/' and '%' in names are written %2F and %25, as in run
// files. Numbers have the digits that give them back exactly. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/run_record.h"
#include "tracking/workspace.h"

namespace assay::tracking {

struct RunExport {
  std::string folder{};    // missing or empty; appears whole or not at all
  std::string run_json{};  // written as run.json if it is not empty
};

struct RunExportReport {
  int64_t files = 0;
  int64_t bytes = 0;
  // What was not written, and why: paths and links that lead out of the folder.
  std::vector<std::string> left_out{};
  // Likewise, what is damaged or missing in the workspace. All the rest is written.
  std::vector<std::string> damaged{};
};

// Fails: already_exists if the folder holds something; invalid_argument if it is in a workspace;
// io.
Result<RunExportReport> export_run(Workspace& workspace, const RunRecord& record,
                                   const RunExport& request);

}  // namespace assay::tracking
