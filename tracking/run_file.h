// The layout of a run file: HDF5 as docs/store-format.md says, then a seal that plain HDF5 readers
// do not see: a short summary for lists, and hashes, so that a damaged file is found before HDF5
// parses it. Thread-safe (HDF5 calls are made one at a time).
#pragma once

#include <cstdint>
#include <string>

#include "kernels/base/file_layer.h"
#include "kernels/base/status.h"
#include "tracking/run_record.h"

namespace assay::tracking {

inline constexpr uint32_t kRunSchemaVersion = 1;

// The bytes of a complete run file, built in memory.
// Sizes within a table or a set of predictions must agree (Run checks them).
// Fails: internal with HDF5's reason, resource_exhausted.
Result<std::string> run_file_image(const RunRecord& record);

// Fails: not_found, io, data if the file is damaged or of a newer format (the message names it),
// resource_exhausted.
Result<RunRecord> read_run(FileLayer& files, const std::string& path);
Result<RunRecord> read_run(const std::string& path);

// Only the summary; reads a few hundred bytes, never calls HDF5. Status is as recorded.
Result<RunInfo> read_run_info(FileLayer& files, const std::string& path);

// runs/<2 hex>/<run_id>.h5, relative to the workspace.
std::string run_file_path(const std::string& run_id);

// HDF5 link name of a key: '%', '/' and the name "." are written %25, %2F, %2E.
std::string escape_key(const std::string& key);

}  // namespace assay::tracking
