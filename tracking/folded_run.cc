#include "tracking/folded_run.h"

#include <utility>

#include "tracking/environment.h"
#include "tracking/records_internal.h"
#include "tracking/recovery.h"
#include "tracking/run_file.h"
#include "tracking/run_query.h"
#include "tracking/run_seal_internal.h"
#include "tracking/writer_lease.h"

namespace assay::tracking {
namespace {

constexpr int64_t kRunLimitBytes = int64_t{8} << 30;

// Whether the file says all that is known of the run.
bool is_whole(const RunInfo& info, const JournalView::Found* found) {
  if (!info.finished) return false;
  if (found == nullptr || found->entry->identity.writer != info.writer) return true;
  return JournalIndex::reach(*found->entry, info.wal_seq) == info.wal_seq;
}

void end_run(Workspace& workspace, RunRecord& record) {
  const bool dead =
      writer_liveness(workspace.files(), workspace.path(), record.info.writer) == Liveness::kDead;
  if (dead) {
    end_interrupted(record, 0);
  } else {
    end_interrupted(record, wall_time_ns(), "it was under way when this copy of it was made");
  }
}

Result<std::optional<FoldedRun>> fold(Workspace& workspace, RunRecord record,
                                      const JournalView::Found* found) {
  if (found != nullptr) {
    const std::string run_id = found->entry->identity.run_id;
    ASSAY_RETURN_IF_ERROR(found->index->replay(run_id, record));
  }
  FoldedRun folded;
  folded.cut = !record.info.finished;
  if (folded.cut) end_run(workspace, record);
  ASSAY_ASSIGN_OR_RETURN(folded.bytes, run_file_image(record));
  folded.links = links_of(record);
  return folded;
}

}  // namespace

Result<std::optional<FoldedRun>> folded_run(Workspace& workspace, const JournalView& journals,
                                            const std::string& run_id) {
  const JournalView::Found* found = journals.find(run_id);
  const std::string path = run_file_of(workspace, run_id);
  auto bytes = read_file(workspace.files(), path, kRunLimitBytes);
  if (!bytes && bytes.error().code == StatusCode::kNotFound) {
    // One that had a file was deleted.
    if (found == nullptr || found->entry->published_seq > 0) return std::nullopt;
    return fold(workspace, RunRecord(), found);
  }
  if (!bytes) return tl::unexpected<Error>(std::move(bytes.error()));
  const auto image = verified_image(*bytes, path);
  if (!image) return tl::unexpected<Error>(image.error());
  ASSAY_ASSIGN_OR_RETURN(const std::string_view summary, sealed_summary(*bytes, path));
  ASSAY_ASSIGN_OR_RETURN(const RunInfo info, parse_run_info(summary, path));
  if (info.run_id != run_id) {
    return fail(StatusCode::kData, "run file '{}' is damaged: it holds run {}", path, info.run_id);
  }
  if (is_whole(info, found)) return FoldedRun{std::move(*bytes), false, std::nullopt};
  // It may have been replaced meanwhile, by a later state of the run.
  auto record = read_run(workspace.files(), path);
  if (!record && record.error().code == StatusCode::kNotFound) return std::nullopt;
  if (!record) return tl::unexpected<Error>(std::move(record.error()));
  return fold(workspace, std::move(*record), found);
}

}  // namespace assay::tracking
