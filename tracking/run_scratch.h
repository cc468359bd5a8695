// RunScratch: files that a run needs only until it has ended well, in scratch/<run_id>/ of the
// workspace: what a sweep goes on from when its process dies. They are no part of the record: a run
// without them is whole, and who wants to go on does the work again that they would have saved.
//
// So files are published by rename, but not synced: after a loss of power some are gone or cut, and
// whoever reads one must know a whole one from another. A writer that was taken over writes none:
// its temporary files are gone.
//
// Claims keep two processes from going on with one run. The run's file names the writer of its last
// state; the file `after-<writer>` names who took the run over from that writer, is linked, so that
// the first wins, and never replaced. If that process dies before the run's file names it, the next
// one claims the run from it in turn. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/byte_sink.h"
#include "kernels/base/file_layer.h"
#include "kernels/base/status.h"
#include "tracking/workspace.h"

namespace assay::tracking {

inline constexpr std::string_view kScratchFolder = "scratch";

class RunScratch {
 public:
  // `workspace` must outlive it; nothing is made before the first write.
  RunScratch(Workspace& workspace, const std::string& run_id);

  // Takes the run over from `writer`, whose state its file holds.
  // Fails: already_exists if another process that lives did, naming it; io.
  Status claim(const std::string& writer);

  // `name` is a file name. Replaces what was there. Fails: io, also if this writer was taken over.
  Status write(const std::string& name, std::span<const std::byte> bytes);
  // The same of bytes that are written block by block. Fails: as `source`, too.
  Status write(const std::string& name, ByteSource source);
  // Fails: not_found; io; resource_exhausted above `limit_bytes`.
  Result<std::string> read(const std::string& name, int64_t limit_bytes) const;
  // To read a part at a time. Fails: not_found; io.
  Result<std::unique_ptr<File>> open(const std::string& name) const;
  // Fine if it is not there. Fails: io, also if this process's writer was taken over: somebody may
  // go on from it.
  Status remove(const std::string& name);
  // Without claims, sorted; empty if there is no folder. Fails: io.
  Result<std::vector<std::string>> names() const;
  // Removes all of it. Fine if it is not there. Fails: io.
  Status discard();

 private:
  Status make();  // the folder
  Status unlink(const std::string& name);
  Workspace& workspace_;
  const std::string folder_;
};

// Folders of runs that ended well, were deleted, or ended `before_ns` (since 1970 UTC) or earlier
// and were not gone on with. With `dry_run` they are only counted.
struct StaleScratch {
  int64_t runs = 0;
  int64_t bytes = 0;
};
// Fails: io.
Result<StaleScratch> remove_stale_scratch(Workspace& workspace, int64_t before_ns, bool dry_run);

}  // namespace assay::tracking
