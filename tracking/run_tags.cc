#include "tracking/run_tags.h"

#include <charconv>
#include <cmath>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

#include "kernels/base/names.h"
#include "tracking/catalog.h"
#include "tracking/run_file.h"
#include "tracking/run_query.h"
#include "tracking/ulid.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

Status check_edit(const TagEdit& edit) {
  for (const auto& [key, value] : edit.set) ASSAY_RETURN_IF_ERROR(check_key("tag", key));
  for (const std::string& key : edit.remove) {
    ASSAY_RETURN_IF_ERROR(check_key("tag", key));
    if (!edit.set.contains(key)) continue;
    return fail(StatusCode::kInvalidArgument, "tag '{}' is both set and removed", key);
  }
  return {};
}

Status apply_edit(const TagEdit& edit, RunRecord& record) {
  for (const std::string& key : edit.remove) {
    if (record.tags.erase(key) > 0) continue;
    std::vector<std::string> known;
    for (const auto& entry : record.tags) known.push_back(entry.first);
    return fail(StatusCode::kNotFound, "run {} has no tag '{}'{}", record.info.run_id, key,
                name_hint(key, known));
  }
  for (const auto& [key, value] : edit.set) record.tags.insert_or_assign(key, value);
  return {};
}

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

Result<RunRecord> tag_run(Workspace& workspace, std::string_view reference, const TagEdit& edit) {
  static std::mutex one_at_a_time;  // threads of this process never meet in the rename
  const std::scoped_lock lock(one_at_a_time);
  ASSAY_RETURN_IF_ERROR(check_edit(edit));
  // What dead writers left, and what this process has not published yet, becomes files first. If
  // that fails for another run, it does not matter here; if for this one, it shows below.
  (void)workspace.recover();
  while (true) {
    ASSAY_ASSIGN_OR_RETURN(const RunInfo info, find_run(workspace, reference));
    if (info.status == RunStatus::kRunning) {
      return fail(StatusCode::kInvalidArgument,
                  "run {} is still running: its tags are set by the process that runs it",
                  info.run_id);
    }
    const std::string path = run_file_of(workspace, info.run_id);
    ASSAY_ASSIGN_OR_RETURN(const FileInfo before, workspace.files().stat(path));
    ASSAY_ASSIGN_OR_RETURN(RunRecord record, read_run(workspace.files(), path));
    if (!record.info.finished) {
      return fail(StatusCode::kInvalidArgument,
                  "run {} has ended, but its process has not written its file yet: try again",
                  info.run_id);
    }
    const auto tags = record.tags;
    ASSAY_RETURN_IF_ERROR(apply_edit(edit, record));
    if (record.tags == tags) return record;
    ASSAY_ASSIGN_OR_RETURN(const bool done, replace_file(workspace, path, before, record));
    if (done) return record;
  }
}

Value parse_tag_value(const std::string& text) {
  if (text == "true") return true;
  if (text == "false") return false;
  const char* end = text.data() + text.size();
  int64_t whole = 0;
  const auto [stop, error] = std::from_chars(text.data(), end, whole);
  if (error == std::errc() && stop == end && std::to_string(whole) == text) return whole;
  double number = 0;
  const auto [number_stop, number_error] = std::from_chars(text.data(), end, number);
  const bool shortest = number_error == std::errc() && number_stop == end &&
                        std::isfinite(number) && Value(number).text() == text;
  if (shortest) return number;
  return text;
}

}  // namespace assay::tracking
