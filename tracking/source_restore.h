// Writes the files of a run's source snapshot into a folder: the other way of snapshot.h. Every
// file's hash is verified before the first is written. Nothing is written outside the folder, or
// through a symbolic link in it, whatever the manifest says. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/snapshot.h"
#include "tracking/workspace.h"

namespace assay::tracking {

struct RestoreRequest {
  std::string folder{};  // made if it is not there
  bool force = false;    // files that are there and differ are replaced
  bool partial = false;  // what is damaged or missing is left out and told; else it fails
};

struct RestoreReport {
  int64_t written = 0;
  int64_t bytes = 0;                    // of the files that were written, links not counted
  int64_t unchanged = 0;                // were there already, the same
  std::vector<std::string> left_out{};  // links that lead out of the folder, and why
  std::vector<std::string> damaged{};   // files that are damaged or missing, if partial
};

// Files keep whether they can be executed. Links are made last, and only those that stay inside.
// Fails: already_exists, naming them, if files differ and `force` is not set: then nothing was
// written; data if a path leads out of the folder, two paths collide or a blob is damaged or
// missing; invalid_argument if the folder is in a workspace; io.
Result<RestoreReport> restore_source(Workspace& workspace, const SourceManifest& manifest,
                                     const RestoreRequest& request);

// Whether a path of a manifest or artifact may be written below a folder: relative, with no empty,
// "." or ".." part, none above 255 bytes, no NUL, and nothing in a `.git`. Fails: data.
Status check_inside(std::string_view what, std::string_view path);

}  // namespace assay::tracking
