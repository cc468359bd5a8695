// What a run names outside of its own file: blobs and data sets. It is kept in the seal of the run
// file, beside the summary, so that garbage collection and lists of data sets need not open HDF5.
// Plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/file_layer.h"
#include "kernels/base/status.h"
#include "tracking/run_record.h"

namespace assay::tracking {

// A run that names more blobs has no links in its seal.
inline constexpr size_t kMostLinkedBlobs = 1024;

struct RunLinks {
  std::vector<std::string> blobs{};    // hashes; sorted, each once
  std::vector<int64_t> sizes{};        // of each blob, -1 if the run does not say; or none at all
  std::vector<DatasetUse> datasets{};  // without profiles
};

// Blobs: artifacts, source files, manifest, git diff, models.
RunLinks links_of(const RunRecord& record);

// Of a run file: from its seal, or from the HDF5 part of files that have none there. The seal's
// hash covers them, and they were published with what they describe in one rename, so they are as
// good as the HDF5 part. Fails: as read_run().
Result<RunLinks> read_run_links(FileLayer& files, const std::string& path);

}  // namespace assay::tracking
