// What may move while files are copied, and why each thing is in the copy nevertheless. Journals
// are read first and stay open, so a run that is published meanwhile is in one or the other.
// Deleted runs are listed before and after the others: a run that is deleted or restored meanwhile
// is in one of the lists. Blobs come last, after all that names them; a garbage collection may move
// one aside and back, so its folder is looked into between two looks into theirs.
#include "tracking/workspace_copy.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>

#include "kernels/base/hash.h"
#include "tracking/blob_references.h"
#include "tracking/blob_store.h"
#include "tracking/catalog.h"
#include "tracking/folded_run.h"
#include "tracking/model_lookup_internal.h"
#include "tracking/quarantine.h"
#include "tracking/records_internal.h"
#include "tracking/registry_check_internal.h"
#include "tracking/removed_runs.h"
#include "tracking/run_file.h"
#include "tracking/run_folders_internal.h"
#include "tracking/run_seal_internal.h"
#include "tracking/run_trash.h"
#include "tracking/ulid.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

// What a workspace consists of; all else is rebuilt, or belongs to a process.
constexpr std::array<std::string_view, 7> kParts = {"blobs", "runs",    "models", "datasets",
                                                    "trash", "writers", kRemovals};
constexpr const char* kMarker = "COPYING";
constexpr int64_t kFileLimitBytes = int64_t{8} << 30;
constexpr int64_t kMarkerLimitBytes = 64 * 1024;
constexpr size_t kIdLength = 26;

bool is_inside(const fs::path& path, const fs::path& folder) {
  const fs::path relative = path.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

// Without a slash at the end.
Result<fs::path> absolute_path(const std::string& to) {
  std::error_code error;
  std::string path = fs::absolute(to, error).lexically_normal().string();
  if (error || to.empty()) {
    return fail(StatusCode::kInvalidArgument, "'{}' is no folder to copy to", to);
  }
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return fs::path(path);
}

Status remove_tree(FileLayer& files, const std::string& folder) {
  const auto entries = files.scan(folder);
  if (!entries && entries.error().code == StatusCode::kNotFound) return {};
  if (!entries) return tl::unexpected<Error>(entries.error());
  for (const FolderEntry& entry : *entries) {
    const std::string path = folder + "/" + entry.name;
    ASSAY_RETURN_IF_ERROR(entry.info.folder ? remove_tree(files, path) : files.unlink(path));
  }
  return files.remove_folder(folder);
}

bool is_copied_part(const std::string& name) {
  return name == kMarker || name == kQuarantine || name.ends_with(".tmp") ||
         std::find(kParts.begin(), kParts.end(), name) != kParts.end();
}

// Whether another process makes a copy here now.
bool is_at_work(FileLayer& files, const std::string& marker) {
  const auto text = read_file(files, marker, kMarkerLimitBytes);
  if (!text) return false;
  const auto copier = parse_lease(*text, marker);
  if (!copier) return false;  // cut short by a crash
  const LeaseInfo here = this_process();
  const bool own = copier->boot_id == here.boot_id && copier->pid_namespace == here.pid_namespace &&
                   copier->pid == here.pid && copier->start_ticks == here.start_ticks;
  return !own && liveness_of(*copier) != Liveness::kDead;
}

class Copier {
 public:
  Copier(Workspace& workspace, std::string to, const StopToken& stop,
         const std::function<void(int64_t)>& progress)
      : workspace_(workspace),
        files_(workspace.files()),
        to_(std::move(to)),
        stop_(stop),
        progress_(progress) {}

  Result<CopyReport> run() {
    ASSAY_RETURN_IF_ERROR(begin());
    ASSAY_ASSIGN_OR_RETURN(const JournalView journals, JournalView::read(workspace_));
    report_.damaged = journals.damaged();
    report_.unreadable = journals.unreadable();
    ASSAY_RETURN_IF_ERROR(note_missing_records());
    for (const std::string_view part :
         {std::string_view("models"), std::string_view("datasets"), kQuarantine, kRemovals}) {
      ASSAY_RETURN_IF_ERROR(copy_folder(std::string(part)));
    }
    ASSAY_RETURN_IF_ERROR(copy_runs(journals));
    ASSAY_RETURN_IF_ERROR(note_missing_runs());
    for (const std::string_view part :
         {std::string_view("blobs"), kBlobTrash, std::string_view("blobs")}) {
      ASSAY_RETURN_IF_ERROR(copy_folder(std::string(part)));
    }
    ASSAY_RETURN_IF_ERROR(note_missing_blobs());
    return std::move(report_);
  }

 private:
  Status begin() {
    ASSAY_RETURN_IF_ERROR(make_folders(files_, to_));
    const std::string text = to_json(this_process());
    ASSAY_ASSIGN_OR_RETURN(auto marker, files_.create(to_ + "/" + kMarker));
    ASSAY_RETURN_IF_ERROR(marker->append(std::as_bytes(std::span(text))));
    ASSAY_RETURN_IF_ERROR(marker->sync());
    ASSAY_RETURN_IF_ERROR(files_.sync_folder(to_));
    for (const std::string_view part : kParts) {
      ASSAY_RETURN_IF_ERROR(files_.make_folder(fmt::format("{}/{}", to_, part)));
    }
    return {};
  }

  // Of models: damaged ones are noted when they are copied.
  Status note_missing_records() {
    ASSAY_ASSIGN_OR_RETURN(const std::vector<std::string> names, model_names(workspace_));
    for (const std::string& name : names) {
      const auto log = read_events(workspace_, name);
      if (!log) continue;  // told file by file
      for (const EventGap& gap : log->gaps) {
        if (gap.missing) report_.damaged.push_back(gap.why);
      }
      const auto known = known_model(workspace_, name);
      const auto there = registered_versions(workspace_, name);
      if (!known || !there) continue;
      for (const int64_t version : known->registered) {
        if (known->state.of(version).purged) continue;
        if (std::binary_search(there->begin(), there->end(), version)) continue;
        const auto record = read_version_record(workspace_, name, version);
        if (!record) ASSAY_RETURN_IF_ERROR(note(record.error()));
      }
    }
    return {};
  }

  Status note_missing_runs() {
    ASSAY_ASSIGN_OR_RETURN(const std::vector<MissingRun> runs, Catalog(workspace_).missing());
    for (const MissingRun& run : runs) {
      report_.damaged.push_back(missing_run_message(workspace_, run));
    }
    return {};
  }

  // Damaged ones are noted when they are copied.
  Status note_missing_blobs() {
    ASSAY_ASSIGN_OR_RETURN(FoundReferences references, find_references(workspace_));
    ASSAY_ASSIGN_OR_RETURN(BlobReferences missing, missing_blobs(workspace_, references.blobs));
    if (missing.empty()) return {};
    // Runs that were purged since they were looked at miss nothing.
    ASSAY_ASSIGN_OR_RETURN(references, find_references(workspace_));
    std::erase_if(missing, [&](const auto& one) { return !references.blobs.contains(one.first); });
    const std::vector<std::string> messages = missing_messages(missing);
    report_.damaged.insert(report_.damaged.end(), messages.begin(), messages.end());
    return {};
  }

  Status copy_runs(const JournalView& journals) {
    ASSAY_RETURN_IF_ERROR(copy_deleted());
    std::set<std::string> seen;
    const std::string root = workspace_.path() + "/runs";
    const auto shards = files_.scan(root);
    if (!shards && shards.error().code != StatusCode::kNotFound) {
      return tl::unexpected<Error>(shards.error());
    }
    for (size_t i = 0; shards && i < shards->size(); ++i) {
      const std::string& shard = (*shards)[i].name;
      const std::string folder = root + "/" + shard;
      const auto inside = is_shard_name(shard) ? leads_to_folder(files_, folder, (*shards)[i].info)
                                               : Result<bool>((*shards)[i].info.folder);
      if (!inside) ASSAY_RETURN_IF_ERROR(note(inside.error()));
      if (!inside || !*inside) continue;
      const auto entries = files_.scan(folder);
      if (!entries && entries.error().code == StatusCode::kNotFound) continue;
      if (!entries) ASSAY_RETURN_IF_ERROR(note(entries.error()));
      if (!entries) continue;
      for (const FolderEntry& entry : *entries) {
        const std::string& name = entry.name;
        const std::string id = name.substr(0, name.size() - std::min<size_t>(name.size(), 3));
        if (!name.ends_with(".h5") || !is_ulid(id)) continue;
        const std::string path = folder + "/" + name;
        if (!is_place_of_run(workspace_, path)) {
          if (entry.info.special) continue;
          report_.damaged.push_back(fmt::format(
              "run file '{}/{}/{}' is not in the folder of its run", root, shard, name));
          continue;
        }
        seen.insert(id);
        if (is_file(path, entry.info)) ASSAY_RETURN_IF_ERROR(copy_run(journals, id));
      }
    }
    for (const auto& [id, found] : journals.runs()) {
      if (!seen.contains(id)) ASSAY_RETURN_IF_ERROR(copy_run(journals, id));
    }
    for (const std::string& folder : run_folders_) {
      ASSAY_RETURN_IF_ERROR(files_.sync_folder(to_ + "/" + folder));
    }
    ASSAY_RETURN_IF_ERROR(files_.sync_folder(to_ + "/runs"));
    ASSAY_RETURN_IF_ERROR(copy_deleted());
    return drop_doubles();
  }

  Status copy_run(const JournalView& journals, const std::string& run_id) {
    if (stop_.requested()) return fail(StatusCode::kCancelled, "the copy was interrupted");
    const auto folded = folded_run(workspace_, journals, run_id);
    if (!folded) return note(folded.error());
    if (!*folded) return {};
    const std::string path = run_file_path(run_id);
    const std::string folder = path.substr(0, path.rfind('/'));
    if (run_folders_.insert(folder).second) {
      ASSAY_RETURN_IF_ERROR(files_.make_folder(to_ + "/" + folder));
    }
    ASSAY_RETURN_IF_ERROR(write(path, (*folded)->bytes));
    run_ids_.insert(run_id);
    if ((*folded)->cut) ++report_.runs_cut;
    return {};
  }

  // Deleted runs that are not in the copy yet.
  Status copy_deleted() {
    const std::string folder(kRunTrash);
    const auto entries = files_.scan(workspace_.path() + "/" + folder);
    if (!entries && entries.error().code == StatusCode::kNotFound) return {};
    if (!entries) return tl::unexpected<Error>(entries.error());
    ASSAY_RETURN_IF_ERROR(make_folders(files_, to_ + "/" + folder));
    for (const FolderEntry& entry : *entries) {
      const std::string& name = entry.name;
      const std::string id = name.substr(0, kIdLength);
      if (deleted_.contains(name) || run_ids_.contains(id)) continue;
      deleted_[name] = id;
      const std::string place = folder + "/" + name;
      const std::string path = workspace_.path() + "/" + place;
      if (is_place_of_deleted(workspace_, path) && !is_file(path, entry.info)) continue;
      ASSAY_RETURN_IF_ERROR(copy_file(place, name));
    }
    return files_.sync_folder(to_ + "/" + folder);
  }

  // Runs that were restored between the two looks.
  Status drop_doubles() {
    for (const auto& [name, id] : deleted_) {
      if (!run_ids_.contains(id)) continue;
      const Status removed = files_.unlink(fmt::format("{}/{}/{}", to_, kRunTrash, name));
      if (!removed && removed.error().code != StatusCode::kNotFound) return removed;
    }
    return deleted_.empty() ? Status() : files_.sync_folder(fmt::format("{}/{}", to_, kRunTrash));
  }

  static bool is_foreign(const std::string& folder, const std::string& name) {
    const bool of_blobs = folder == "blobs" || folder.starts_with("blobs/") || folder == kBlobTrash;
    return of_blobs && !is_blob_name(name);
  }

  // models/<name>/versions/<number>.json, or likewise an event: its number stays taken.
  static bool is_record(const std::string& relative) {
    const fs::path path(relative);
    const std::string folder = path.parent_path().filename().string();
    return relative.starts_with("models/") && (folder == "versions" || folder == "changes") &&
           file_number(path.filename().string()) > 0;
  }

  // If not it is told of.
  bool is_file(const std::string& path, const FileInfo& entry) {
    std::string why = why_no_file(path, entry);
    const auto info = files_.stat(path);
    if (why.empty() && (!info || info->special)) why = why_not_found(files_, path, entry);
    if (why.empty()) return true;
    report_.damaged.push_back(std::move(why));
    return false;
  }

  Status copy_folder(const std::string& relative) {
    auto entries = files_.scan(workspace_.path() + "/" + relative);
    if (!entries && entries.error().code == StatusCode::kNotFound) return {};
    if (!entries) return tl::unexpected<Error>(entries.error());
    ASSAY_RETURN_IF_ERROR(make_folders(files_, to_ + "/" + relative));
    // A model's state before its changes: it must not know of more than those.
    std::stable_partition(entries->begin(), entries->end(),
                          [](const FolderEntry& entry) { return !entry.info.folder; });
    const bool top = relative == "models" || relative == "blobs";
    const bool of_blobs = relative.starts_with("blobs/") || relative == kBlobTrash;
    for (const FolderEntry& entry : *entries) {
      if (of_blobs && entry.info.folder) continue;  // no blob
      const std::string inner = relative + "/" + entry.name;
      const std::string path = workspace_.path() + "/" + inner;
      if (is_record(inner) && !is_file(path, entry.info)) {
        if (copied_.insert(inner).second) ASSAY_RETURN_IF_ERROR(write(inner, ""));
        continue;
      }
      const auto inside =
          top ? leads_to_folder(files_, path, entry.info) : Result<bool>(entry.info.folder);
      if (!inside) {
        ASSAY_RETURN_IF_ERROR(note(inside.error()));
      } else if (*inside) {
        ASSAY_RETURN_IF_ERROR(copy_folder(inner));
      } else if (is_foreign(relative, entry.name)) {
        continue;
      } else if (copied_.insert(inner).second) {
        ASSAY_RETURN_IF_ERROR(copy_file(inner, entry.name));
      }
    }
    return files_.sync_folder(to_ + "/" + relative);
  }

  Status copy_file(const std::string& relative, const std::string& name) {
    if (stop_.requested()) return fail(StatusCode::kCancelled, "the copy was interrupted");
    const auto bytes = read_file(files_, workspace_.path() + "/" + relative, kFileLimitBytes);
    // Deleted meanwhile, or moved to where it is found later.
    if (!bytes && bytes.error().code == StatusCode::kNotFound) {
      copied_.erase(relative);
      return {};
    }
    if (!bytes) {
      ASSAY_RETURN_IF_ERROR(note(bytes.error()));
      return is_record(relative) ? write(relative, "") : Status();
    }
    const Status whole = verify(relative, name, *bytes);
    if (!whole) ASSAY_RETURN_IF_ERROR(note(whole.error()));
    // The number of a record stays taken, or another version or change would get it in the copy.
    return whole || relative.starts_with("models/") ? write(relative, *bytes) : Status();
  }

  Status write(const std::string& relative, const std::string& bytes) {
    ASSAY_ASSIGN_OR_RETURN(auto file, files_.create(to_ + "/" + relative));
    ASSAY_RETURN_IF_ERROR(file->append(std::as_bytes(std::span(bytes))));
    ASSAY_RETURN_IF_ERROR(file->sync());
    ++report_.files;
    report_.bytes += static_cast<int64_t>(bytes.size());
    if (progress_) progress_(report_.bytes);
    return {};
  }

  Status note(const Error& error) {
    const bool damage = error.code == StatusCode::kData;
    if (!damage && error.code != StatusCode::kIo) return tl::unexpected<Error>(error);
    (damage ? report_.damaged : report_.unreadable).push_back(error.message);
    return {};
  }

  Status verify(const std::string& relative, const std::string& name, const std::string& bytes) {
    if (relative.starts_with("blobs/") || relative.starts_with(kBlobTrash)) {
      const std::string found = sha256_hex(std::as_bytes(std::span(bytes)));
      if (found != name) {
        return fail(StatusCode::kData, "blob {} is damaged: its bytes hash to {}", name, found);
      }
    } else if (relative.starts_with(kRunTrash)) {
      ASSAY_RETURN_IF_ERROR(verified_image(bytes, relative));
    } else if (relative.starts_with("models/")) {
      return check_registry_file(workspace_, relative, bytes);
    }
    return {};
  }

  Workspace& workspace_;
  FileLayer& files_;
  const std::string to_;
  const StopToken& stop_;
  const std::function<void(int64_t)>& progress_;
  std::set<std::string> run_ids_;               // in the copy
  std::set<std::string> run_folders_;           // of the copy
  std::map<std::string, std::string> deleted_;  // names in the trash -> run ids
  std::set<std::string> copied_;                // other files
  CopyReport report_;
};

// Empties the folder if a copy left something in it.
Status make_room(FileLayer& files, const std::string& folder, const std::string& given) {
  if (!files.exists(folder)) return {};
  ASSAY_RETURN_IF_ERROR(clear_unfinished_copy(files, folder));
  ASSAY_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.list(folder));
  if (names.empty()) return {};
  return fail(StatusCode::kAlreadyExists, "'{}' is not empty: it holds '{}'", given, names[0]);
}

Status publish(Workspace& workspace, const std::string& folder) {
  FileLayer& files = workspace.files();
  ASSAY_ASSIGN_OR_RETURN(const std::string uuid, make_ulid());
  const std::string text =
      to_json(WorkspaceRecord{kWorkspaceFormat, uuid, workspace.display_name()});
  ASSAY_RETURN_IF_ERROR(
      publish_file(files, folder, folder + "/WORKSPACE", std::as_bytes(std::span(text))));
  // From here on it is a workspace.
  (void)files.unlink(folder + "/" + kMarker);
  (void)files.sync_folder(folder);
  return files.sync_folder(fs::path(folder).parent_path().string());
}

// So that a run whose file vanishes from the copy is missed. Best effort: it is a cache.
void save_catalog(const std::string& folder) {
  const auto copy = Workspace::open(folder);
  if (copy) (void)Catalog(**copy).save();
}

}  // namespace

Status clear_unfinished_copy(FileLayer& files, const std::string& folder) {
  const std::string marker = fmt::format("{}/{}", folder, kMarker);
  if (!files.exists(marker)) return {};
  ASSAY_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.list(folder));
  for (const std::string& name : names) {
    if (is_copied_part(name)) continue;
    return fail(StatusCode::kAlreadyExists, "'{}' is not empty: it holds '{}'", folder, name);
  }
  if (is_at_work(files, marker)) {
    return fail(StatusCode::kAlreadyExists, "another process makes a copy in '{}' now", folder);
  }
  for (const std::string& name : names) {
    const std::string path = folder + "/" + name;
    if (name == kMarker) continue;
    ASSAY_RETURN_IF_ERROR(name.ends_with(".tmp") ? files.unlink(path) : remove_tree(files, path));
  }
  // Last, and the rest for good: the folder could not be told from one that is somebody's.
  ASSAY_RETURN_IF_ERROR(files.sync_folder(folder));
  ASSAY_RETURN_IF_ERROR(files.unlink(marker));
  return files.sync_folder(folder);
}

Result<CopyReport> copy_workspace(Workspace& workspace, const std::string& to,
                                  const StopToken& stop,
                                  const std::function<void(int64_t)>& progress, CopyEnd end) {
  ASSAY_ASSIGN_OR_RETURN(const fs::path target, absolute_path(to));
  if (is_inside(target, fs::path(workspace.path()).lexically_normal())) {
    return fail(StatusCode::kInvalidArgument, "'{}' is inside the workspace '{}'", to,
                workspace.path());
  }
  FileLayer& files = workspace.files();
  const std::string folder = target.string();
  const bool was_there = files.exists(folder);
  ASSAY_RETURN_IF_ERROR(make_room(files, folder, to));
  auto report = Copier(workspace, folder, stop, progress).run();
  if (report && end == CopyEnd::kPublish) {
    if (Status published = publish(workspace, folder); !published) {
      report = tl::unexpected<Error>(std::move(published.error()));
    } else {
      save_catalog(folder);
    }
  }
  if (report) return report;
  // Best effort: what stays is known by its marker, and the next try clears it away.
  if (clear_unfinished_copy(files, folder) && !was_there) (void)files.remove_folder(folder);
  return report;
}

Status publish_copy(Workspace& workspace, const std::string& to) {
  ASSAY_ASSIGN_OR_RETURN(const fs::path target, absolute_path(to));
  ASSAY_RETURN_IF_ERROR(publish(workspace, target.string()));
  save_catalog(target.string());
  return {};
}

Result<int> live_writers(Workspace& workspace) {
  const auto ids = workspace.files().list(workspace.path() + "/writers");
  if (!ids && ids.error().code == StatusCode::kNotFound) return 0;
  if (!ids) return tl::unexpected<Error>(ids.error());
  int alive = 0;
  for (const std::string& id : *ids) {
    if (writer_liveness(workspace.files(), workspace.path(), id) != Liveness::kDead) ++alive;
  }
  return alive;
}

}  // namespace assay::tracking
