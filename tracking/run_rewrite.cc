#include <filesystem>
#include <mutex>
#include <span>
#include <utility>

#include "tracking/catalog.h"
#include "tracking/change_lock_internal.h"
#include "tracking/run_file.h"
#include "tracking/run_query.h"
#include "tracking/run_rewrite_internal.h"
#include "tracking/ulid.h"

namespace assay::tracking {
namespace {

// Publishes the record unless the file is not what it was. False: it was not, nothing was done.
Result<bool> try_replacing(Workspace& workspace, const WriterLease& writer, const std::string& path,
                           const FileInfo& before, const RunRecord& record) {
  FileLayer& files = workspace.files();
  ASSAY_ASSIGN_OR_RETURN(const std::string image, run_file_image(record));
  ASSAY_ASSIGN_OR_RETURN(const std::string id, make_ulid());
  const std::string temporary = fmt::format("{}/tags-{}", writer.tmp_folder(), id);
  ASSAY_ASSIGN_OR_RETURN(auto file, files.create(temporary));
  Status status = file->append(std::as_bytes(std::span(image)));
  if (status) status = file->sync();
  bool same = false;
  if (status) {
    const auto now = files.stat(path);
    same = now && *now == before;
    if (same) status = files.rename(temporary, path);
  }
  if (!status || !same) (void)files.unlink(temporary);
  if (!status) return tl::unexpected<Error>(std::move(status.error()));
  if (!same) return false;
  ASSAY_RETURN_IF_ERROR(files.sync_folder(std::filesystem::path(path).parent_path().string()));
  Catalog::note(workspace, writer, record);
  return true;
}

// Likewise. Fails: io, also if this writer was taken over.
Result<bool> replace_file(Workspace& workspace, const std::string& path, const FileInfo& before,
                          const RunRecord& record) {
  ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace.writer());
  auto replaced = try_replacing(workspace, *writer, path, before, record);
  ASSAY_RETURN_IF_ERROR(writer->check_held());
  return replaced;
}

}  // namespace

Result<RunRecord> rewrite_run(Workspace& workspace, std::string_view reference,
                              const Status& recovered, RunEdit edit) {
  static std::mutex one_at_a_time;  // threads of this process never meet in the rename
  const std::scoped_lock lock(one_at_a_time);
  const ChangeLock others(workspace);
  while (true) {
    ASSAY_ASSIGN_OR_RETURN(const RunInfo info, find_only_run(workspace, reference));
    if (info.status == RunStatus::kRunning) {
      return fail(StatusCode::kInvalidArgument,
                  "run {} is still running: only the process that runs it can change it",
                  info.run_id);
    }
    const std::string path = run_file_of(workspace, info.run_id);
    const auto stated = workspace.files().stat(path);
    // Its file was to be written just now: why it is not says more than that it is missing.
    if (!stated && stated.error().code == StatusCode::kNotFound && !recovered) {
      return fail_with(recovered.error(), fmt::format("run {} has no file yet", info.run_id));
    }
    if (!stated) return tl::unexpected<Error>(stated.error());
    const FileInfo before = *stated;
    ASSAY_ASSIGN_OR_RETURN(RunRecord record, read_run(workspace.files(), path));
    if (!record.info.finished && !recovered) {
      return fail_with(recovered.error(),
                       fmt::format("the end of run {} is not in its file yet", info.run_id));
    }
    if (!record.info.finished) {
      return fail(StatusCode::kInvalidArgument,
                  "run {} has ended, but its process has not written its file yet: try again",
                  info.run_id);
    }
    ASSAY_ASSIGN_OR_RETURN(const bool changed, edit(record));
    if (!changed) return record;
    ASSAY_ASSIGN_OR_RETURN(const bool done, replace_file(workspace, path, before, record));
    if (done) return record;
  }
}

}  // namespace assay::tracking
