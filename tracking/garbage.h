// Garbage: what a workspace keeps although nothing needs it any more. That is blobs that no run,
// journal or model names, and runs and models that were deleted long ago.
//
// Collecting is safe while others write. A writer links every blob that it stores or reuses into
// its pins first, so a blob with one link is in nobody's hands; it is moved to trash/blobs, looked
// at again, and put back if it was named or pinned meanwhile. A writer that comes for a blob which
// is gone stores it anew. Killed at any point, the next collection goes on. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/status.h"
#include "tracking/workspace.h"

namespace assay::tracking {

struct GarbageOptions {
  // Blobs that were stored, linked or unlinked later than this ago are left alone: 0 or more.
  int64_t grace_ns = int64_t{24} * 3600 * 1'000'000'000;
  // Deleted runs and models are kept so long: 0 or more.
  int64_t retention_ns = int64_t{30} * 24 * 3600 * 1'000'000'000;
  bool dry_run = false;  // only say what would be freed
};

struct GarbageReport {
  int64_t runs = 0;       // removed from the trash
  int64_t run_bytes = 0;  // of their files
  int64_t models = 0;     // versions given up; with dry_run not counted
  int64_t blobs = 0;      // removed
  int64_t blob_bytes = 0;
  int64_t kept_blobs = 0;      // named or pinned
  int64_t young_blobs = 0;     // nothing names them, but they are younger than the grace period
  int64_t restored_blobs = 0;  // put back, since somebody came for them meanwhile
};

// Fails: data if a run file, a journal or a model's record is damaged: it might name any blob, so
// none is removed; invalid_argument for negative periods; io.
Result<GarbageReport> collect_garbage(Workspace& workspace, const GarbageOptions& options);

}  // namespace assay::tracking
