// Names in the trash are <run_id>-<time of deletion>.h5, so that nothing has to be written beside
// the file, and a run that was deleted, restored and deleted again has one name for each time.
#include "tracking/run_trash.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <span>

#include "kernels/base/names.h"
#include "tracking/catalog.h"
#include "tracking/change_lock_internal.h"
#include "tracking/environment.h"
#include "tracking/full_disk.h"
#include "tracking/journal_view.h"
#include "tracking/model_registry.h"
#include "tracking/removed_runs.h"
#include "tracking/run_file.h"
#include "tracking/run_folders_internal.h"
#include "tracking/run_query.h"
#include "tracking/ulid.h"

namespace assay::tracking {
namespace {

constexpr size_t kIdLength = 26;

std::string trash_folder(const Workspace& workspace) {
  return fmt::format("{}/{}", workspace.path(), kRunTrash);
}

// The runs and all below them, from a list of all; a parent comes before its children.
std::vector<RunInfo> with_descendants(std::span<const RunInfo> tops,
                                      const std::vector<RunInfo>& all) {
  std::vector<RunInfo> family;
  std::set<std::string> ids;
  std::multimap<std::string_view, const RunInfo*> children;
  for (const RunInfo& info : all) children.emplace(info.parent_run_id, &info);
  std::set<std::string_view> given;
  for (const RunInfo& top : tops) given.insert(top.run_id);
  for (const RunInfo& top : tops) {
    // One below another comes with that one.
    if (given.contains(top.parent_run_id)) continue;
    if (ids.insert(top.run_id).second) family.push_back(top);
  }
  for (size_t next = 0; next < family.size(); ++next) {
    const std::string parent = family[next].run_id;
    const auto [begin, end] = children.equal_range(parent);
    for (auto it = begin; it != end; ++it) {
      if (ids.insert(it->second->run_id).second) family.push_back(*it->second);
    }
  }
  return family;
}

Status check_unused(Workspace& workspace, const std::set<std::string>& run_ids) {
  ModelRegistry registry(std::shared_ptr<Workspace>(std::shared_ptr<void>(), &workspace));
  ASSAY_ASSIGN_OR_RETURN(const auto model, registry.any_made_by(run_ids));
  if (!model) return {};
  return fail(StatusCode::kInvalidArgument,
              "run {} is where model {}:{} comes from: delete that first, or force it",
              model->run_id, model->name, model->version);
}

// Syncs each folder once.
Status sync_folders(FileLayer& files, const std::set<std::string>& folders) {
  for (const std::string& folder : folders) ASSAY_RETURN_IF_ERROR(files.sync_folder(folder));
  return {};
}

std::string parent_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

// What moves or removes files without its writer's folder asks before and after whether it still
// is a writer.
Status check_held(Workspace& workspace) {
  ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace.writer());
  return writer->check_held();
}

// Whether nobody will ever write the files of these runs again: each says that its run has ended,
// and so does the journal that made it, if that is still there. Such a file is moved away without
// a lease; what is in a journal alone would be published anew by the next recovery.
// Fails: io where that is not known or not so.
Status check_settled(Workspace& workspace, std::span<const RunInfo> runs) {
  ASSAY_ASSIGN_OR_RETURN(const JournalView journals, JournalView::read(workspace));
  if (!journals.unreadable().empty()) {
    return fail(StatusCode::kIo, "{}", journals.unreadable().front());
  }
  for (const RunInfo& run : runs) {
    const JournalView::Found* journal = journals.find(run.run_id);
    const auto info = read_run_info(workspace.files(), run_file_of(workspace, run.run_id));
    if (!info && info.error().code != StatusCode::kNotFound) {
      return tl::unexpected<Error>(info.error());
    }
    const bool file_settled = info ? info->finished : journal == nullptr;
    const bool journal_settled =
        journal == nullptr ||
        (info && journal->entry->published_seq > 0 &&
         JournalIndex::reach(*journal->entry, info->wal_seq) == info->wal_seq);
    if (file_settled && journal_settled) continue;
    return fail(StatusCode::kIo, "run {} is in a journal yet, and is deleted after it has its file",
                run.run_id);
  }
  return {};
}

// What a writer does before it moves files away: what is only in a journal gets its file first; and
// that it has one must be in the journal, or else the next recovery would take the file for one
// that was never written, and write it.
Status finish_journals(Workspace& workspace) {
  ASSAY_RETURN_IF_ERROR(workspace.recover());
  ASSAY_RETURN_IF_ERROR(workspace.flush());
  return check_held(workspace);
}

// Moves files of runs to the trash: as a writer, or on a full disk without.
class Deletion {
 public:
  // Fails: io. Where the disk has no room for a lease, or for files that runs lack, nothing is
  // needed for settled runs, and the catalog makes way for others.
  static Result<Deletion> begin(Workspace& workspace, std::span<const RunInfo> runs) {
    Deletion deletion(workspace, runs);
    Status ready = finish_journals(workspace);
    if (!ready && is_full_disk(ready.error())) {
      deletion.leased_ = false;
      const Status settled = check_settled(workspace, runs);
      if (settled) {
        ready = Status();
      } else {
        (void)Catalog::discard(workspace);
        ready = finish_journals(workspace);
        deletion.leased_ = ready.has_value();
        if (!ready) return fail_with(std::move(ready.error()), settled.error().message);
      }
    }
    ASSAY_RETURN_IF_ERROR(ready);
    Status made = workspace.ensure_folder(std::string(kRunTrash));
    if (!made && is_full_disk(made.error())) {
      (void)Catalog::discard(workspace);
      made = workspace.ensure_folder(std::string(kRunTrash));
    }
    ASSAY_RETURN_IF_ERROR(made);
    return deletion;
  }

  // To be asked before each file. Without a lease it was last looked a moment ago, while others
  // that change runs wait: who was stopped for longer looks again.
  Status check() {
    if (leased_) return {};
    const int64_t age_ns = wall_time_ns() - looked_ns_;
    if (looked_ns_ > 0 && age_ns >= 0 && age_ns < kFreshNs) return {};
    const int64_t now_ns = wall_time_ns();
    ASSAY_RETURN_IF_ERROR(check_settled(workspace_, runs_));
    looked_ns_ = now_ns;
    return {};
  }

  bool leased() const { return leased_; }
  Status end() { return leased_ ? check_held(workspace_) : Status(); }

 private:
  // Less than others wait for a change (change_lock_internal.h).
  static constexpr int64_t kFreshNs = int64_t{2} * 1'000'000'000;

  Deletion(Workspace& workspace, std::span<const RunInfo> runs)
      : workspace_(workspace), runs_(runs) {}

  Workspace& workspace_;
  std::span<const RunInfo> runs_;
  bool leased_ = true;
  int64_t looked_ns_ = 0;  // 0: not yet
};

// The time in a name of the trash, or -1.
int64_t time_in(const std::string& name) {
  if (name.size() <= kIdLength + 4 || name[kIdLength] != '-' || !name.ends_with(".h5")) return -1;
  const char* const begin = name.data() + kIdLength + 1;
  const char* const end = name.data() + name.size() - 3;
  int64_t time = -1;
  const auto [stop, error] = std::from_chars(begin, end, time);
  return error == std::errc() && stop == end && is_ulid(name.substr(0, kIdLength)) ? time : -1;
}

Result<RunInfo> find_deleted(const std::vector<DeletedRun>& all, std::string_view reference) {
  for (const DeletedRun& run : all) {
    if (run.info.name == reference) return run.info;
  }
  const RunInfo* found = nullptr;
  std::vector<std::string> names;
  for (const DeletedRun& run : all) {
    names.push_back(run.info.name);
    if (!begins_id(reference, run.info.run_id)) continue;
    if (found != nullptr && found->run_id != run.info.run_id) {
      return ambiguous_prefix(reference, found->run_id, run.info.run_id);
    }
    found = &run.info;
  }
  if (found != nullptr) return *found;
  return fail(StatusCode::kNotFound, "no deleted run '{}'{}", reference,
              name_hint(reference, std::span<const std::string>(names)));
}

}  // namespace

Result<std::vector<RunInfo>> delete_run(Workspace& workspace, std::string_view reference,
                                        bool force) {
  ASSAY_ASSIGN_OR_RETURN(const RunInfo top, find_only_run(workspace, reference));
  return delete_runs(workspace, std::span(&top, 1), force);
}

Result<std::vector<RunInfo>> delete_runs(Workspace& workspace, std::span<const RunInfo> runs,
                                         bool force) {
  ASSAY_ASSIGN_OR_RETURN(const RunList all, list_runs(workspace));
  const std::vector<RunInfo> family = with_descendants(runs, all.runs);
  std::set<std::string> ids;
  for (const RunInfo& info : family) {
    if (info.status == RunStatus::kRunning) {
      return fail(StatusCode::kInvalidArgument, "run {} is still running: stop it first",
                  info.run_id);
    }
    ids.insert(info.run_id);
  }
  if (!force) ASSAY_RETURN_IF_ERROR(check_unused(workspace, ids));
  ASSAY_ASSIGN_OR_RETURN(Deletion deletion, Deletion::begin(workspace, family));
  // As long as the runs are in the trash this is not needed; people may empty that by hand.
  if (deletion.leased()) {
    const std::vector<std::string> gone(ids.begin(), ids.end());
    const Status noted = note_removal(workspace, Removal::kRemoved, gone);
    if (!noted && !is_full_disk(noted.error())) return tl::unexpected<Error>(noted.error());
  }
  FileLayer& files = workspace.files();
  std::set<std::string> folders = {trash_folder(workspace)};
  const int64_t now_ns = wall_time_ns();
  const ChangeLock others(workspace);
  // From the leaves up: a run whose parent is in the trash would be an orphan after a crash.
  for (auto info = family.rbegin(); info != family.rend(); ++info) {
    ASSAY_RETURN_IF_ERROR(deletion.check());
    const std::string from = run_file_of(workspace, info->run_id);
    const Status moved = files.rename(
        from, fmt::format("{}/{}-{}.h5", trash_folder(workspace), info->run_id, now_ns));
    // Another process was faster.
    if (!moved && moved.error().code == StatusCode::kNotFound) continue;
    ASSAY_RETURN_IF_ERROR(moved);
    folders.insert(parent_of(from));
  }
  ASSAY_RETURN_IF_ERROR(sync_folders(files, folders));
  ASSAY_RETURN_IF_ERROR(deletion.end());
  return family;
}

namespace {

// What is in the trash; those that cannot be read know no more than their ids, if they are wanted.
Result<std::vector<DeletedRun>> read_trash(Workspace& workspace, bool unreadable,
                                           std::vector<std::string>* damaged) {
  FileLayer& files = workspace.files();
  std::vector<DeletedRun> runs;
  const auto entries = files.scan(trash_folder(workspace));
  if (!entries && entries.error().code == StatusCode::kNotFound) return runs;
  if (!entries) return tl::unexpected<Error>(entries.error());
  for (const FolderEntry& entry : *entries) {
    int64_t deleted_ns = time_in(entry.name);
    if (deleted_ns < 0) continue;
    // Nobody deletes a run before it began: then a clock was behind.
    const int64_t began_ns = ulid_time_ms(entry.name.substr(0, kIdLength)) * 1'000'000;
    if (began_ns <= wall_time_ns()) deleted_ns = std::max(deleted_ns, began_ns);
    const std::string path = trash_folder(workspace) + "/" + entry.name;
    auto info = read_run_info(files, path);
    if (!info && info.error().code == StatusCode::kNotFound) {
      std::string why = why_no_file(path, entry.info);
      if (why.empty()) why = why_not_found(files, path, entry.info);
      if (!why.empty() && damaged != nullptr) damaged->push_back(std::move(why));
      continue;
    }
    if (!info && damaged != nullptr) damaged->push_back(info.error().message);
    if (!info && !unreadable) continue;
    if (!info) {
      info = RunInfo();
      info->run_id = entry.name.substr(0, kIdLength);
    }
    runs.push_back({std::move(*info), deleted_ns, entry.info.size, path});
  }
  std::sort(runs.begin(), runs.end(), [](const DeletedRun& a, const DeletedRun& b) {
    return a.deleted_ns != b.deleted_ns ? a.deleted_ns > b.deleted_ns
                                        : a.info.run_id < b.info.run_id;
  });
  return runs;
}

}  // namespace

Result<std::vector<DeletedRun>> deleted_runs(Workspace& workspace,
                                             std::vector<std::string>* damaged) {
  return read_trash(workspace, false, damaged);
}

Result<std::vector<RunInfo>> restore_run(Workspace& workspace, std::string_view reference) {
  const std::string only(reference);
  return restore_runs(workspace, std::span(&only, 1));
}

Result<std::vector<RunInfo>> restore_runs(Workspace& workspace,
                                          std::span<const std::string> references) {
  ASSAY_ASSIGN_OR_RETURN(const std::vector<DeletedRun> all, deleted_runs(workspace));
  std::vector<RunInfo> tops;
  for (const std::string& reference : references) {
    ASSAY_ASSIGN_OR_RETURN(RunInfo top, find_deleted(all, reference));
    tops.push_back(std::move(top));
  }
  std::vector<RunInfo> infos;
  std::map<std::string_view, const DeletedRun*> by_id;
  for (const DeletedRun& run : all) {
    infos.push_back(run.info);
    by_id.emplace(run.info.run_id, &run);  // the last deleted one comes first
  }
  const std::vector<RunInfo> family = with_descendants(tops, infos);
  ASSAY_RETURN_IF_ERROR(check_held(workspace));
  FileLayer& files = workspace.files();
  const ChangeLock others(workspace);
  for (const RunInfo& info : family) {
    if (files.exists(run_file_of(workspace, info.run_id)) &&
        files.exists(by_id[info.run_id]->path)) {
      return fail(StatusCode::kAlreadyExists,
                  "run {} is there and in the trash too: delete it before the deleted one is "
                  "restored",
                  info.run_id);
    }
  }
  std::set<std::string> folders = {trash_folder(workspace)};
  // From the bottom up: as long as a run is in the trash, what is left of its family can be
  // restored with it, also when this process ends half-way.
  for (auto it = family.rbegin(); it != family.rend(); ++it) {
    const RunInfo& info = *it;
    const std::string to = run_file_of(workspace, info.run_id);
    ASSAY_RETURN_IF_ERROR(workspace.ensure_folder(parent_of(run_file_path(info.run_id))));
    const Status moved = files.rename(by_id[info.run_id]->path, to);
    // Another process was faster, and restored it or gave it up.
    if (!moved && moved.error().code == StatusCode::kNotFound && files.exists(to)) continue;
    ASSAY_RETURN_IF_ERROR(moved);
    folders.insert(parent_of(to));
  }
  ASSAY_RETURN_IF_ERROR(sync_folders(files, folders));
  std::vector<std::string> ids;
  for (const RunInfo& info : family) ids.push_back(info.run_id);
  ASSAY_RETURN_IF_ERROR(note_removal(workspace, Removal::kRestored, ids));
  ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace.writer());
  Catalog::note_restored(workspace, *writer, ids);
  ASSAY_RETURN_IF_ERROR(check_held(workspace));
  return family;
}

namespace {

// That the runs were deleted is written down when they are, where there was room for that. The
// catalog must not know of a run that nobody can say was deleted.
Status note_given_up(Workspace& workspace, std::span<const DeletedRun> runs, bool leased) {
  const auto known = removed_runs(workspace);
  std::vector<std::string> ids;
  for (const DeletedRun& run : runs) {
    if (!known || !known->contains(run.info.run_id)) ids.push_back(run.info.run_id);
  }
  if (ids.empty()) return {};
  if (leased) {
    Status noted = note_removal(workspace, Removal::kRemoved, ids);
    if (noted || !is_full_disk(noted.error())) return noted;
  }
  return Catalog::discard(workspace);
}

}  // namespace

Result<std::vector<DeletedRun>> purge_runs(Workspace& workspace, int64_t before_ns, bool dry_run) {
  ASSAY_ASSIGN_OR_RETURN(std::vector<DeletedRun> runs, read_trash(workspace, true, nullptr));
  std::erase_if(runs, [&](const DeletedRun& run) { return run.deleted_ns >= before_ns; });
  if (dry_run || runs.empty()) return runs;
  const Status held = check_held(workspace);
  const bool leased = held.has_value();
  if (!leased && !is_full_disk(held.error())) return tl::unexpected<Error>(held.error());
  ASSAY_RETURN_IF_ERROR(note_given_up(workspace, runs, leased));
  for (const DeletedRun& run : runs) {
    const Status removed = workspace.files().unlink(run.path);
    if (!removed && removed.error().code != StatusCode::kNotFound) {
      return tl::unexpected<Error>(removed.error());
    }
  }
  ASSAY_RETURN_IF_ERROR(workspace.files().sync_folder(trash_folder(workspace)));
  if (leased) ASSAY_RETURN_IF_ERROR(check_held(workspace));
  return runs;
}

}  // namespace assay::tracking
