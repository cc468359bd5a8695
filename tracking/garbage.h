// Garbage: what a workspace keeps although nothing needs it any more. That is blobs that no run,
// journal or model names, and runs and models that were deleted long ago.
//
// Why collecting is safe while others write. A writer links every blob that it stores or reuses
// into its pins before it names it, and keeps the pin until all that names it is in a run file, a
// model record or a journal. A blob that looks unneeded is (1) moved to trash/blobs, where no new
// pin can be made of it, then (2) looked at for pins by its link count, and only then (3) all
// references are looked for again (blob_references.h says why those are never stale). If it has no
// pin at (2), whoever held it before has published by then, and (3) finds that; whoever comes for
// it later finds it gone and stores it anew. With a pin or a name it is put back. Killed at any
// point, the next collection goes on. Thread-safe.
//
// What is damaged blocks nothing. A run file, journal, model record or change of a model that
// cannot be read might name any blob, so blobs that nothing else names are held back until it is
// mended, deleted or put away (quarantine.h); all the rest is freed.
//
// A full disk has no room for a writer's folder. Then deleted runs go first, and caches if need be;
// with the room that this makes the collection becomes a writer after all. If that is not enough,
// it goes on without: all that the lease adds for a collection is that one that slept until another
// machine took it over notices. So it looks for references again when they are half a minute old.
#pragma once

#include <cstdint>
#include <memory>
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
  int64_t models = 0;     // versions given up
  // Runs whose files for going on (run_scratch.h) were removed: those that ended well, were
  // deleted, or ended before the retention period.
  int64_t scratch_runs = 0;
  int64_t scratch_bytes = 0;
  int64_t blobs = 0;  // removed
  int64_t blob_bytes = 0;
  int64_t kept_blobs = 0;      // named or pinned
  int64_t young_blobs = 0;     // nothing names them, but they are younger than the grace period
  int64_t restored_blobs = 0;  // put back, since somebody came for them meanwhile
  // Old enough and named by nothing, but what is damaged or not to be read might name them.
  int64_t held_blobs = 0;
  int64_t held_bytes = 0;
  // A message for each thing that is damaged or missing and might name a blob.
  std::vector<std::string> damaged{};
  // A message for each blob that something names and that is not there, nor known to be lost.
  std::vector<std::string> missing{};
  // And for each thing that could not be read, and may be whole.
  std::vector<std::string> unreadable{};
};

// A collection that is planned and then made: the second reads only what changed since the first,
// and periods count back from when this was created, so that what is deleted or let go of after the
// plan is not taken.
class GarbageCollection {
 public:
  // Fails: invalid_argument for negative periods. The workspace must outlive it.
  static Result<GarbageCollection> create(Workspace& workspace, const GarbageOptions& options);
  ~GarbageCollection();
  GarbageCollection(GarbageCollection&&) noexcept;

  // Both fail with io.

  // What would be freed now. Writes nothing.
  Result<GarbageReport> plan();
  // Frees what is garbage.
  Result<GarbageReport> collect();
  // Run files that were opened for it.
  int64_t files_read() const;

 private:
  struct State;
  explicit GarbageCollection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// plan() or, without options.dry_run, collect(). Fails: as those.
Result<GarbageReport> collect_garbage(Workspace& workspace, const GarbageOptions& options);

}  // namespace assay::tracking
