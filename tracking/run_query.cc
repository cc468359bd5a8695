#include "tracking/run_query.h"

#include <algorithm>
#include <map>
#include <set>

#include "kernels/base/names.h"
#include "tracking/journal_view.h"
#include "tracking/run_file.h"
#include "tracking/ulid.h"

namespace assay::tracking {
namespace {

constexpr size_t kShortestPrefix = 4;

// Remembers which writers live: a sweep's trials have one writer.
class Writers {
 public:
  explicit Writers(Workspace& workspace) : workspace_(workspace) {}

  bool dead(const std::string& writer_id) {
    const auto [it, added] = known_.try_emplace(writer_id, false);
    if (added) {
      it->second =
          writer_liveness(workspace_.files(), workspace_.path(), writer_id) == Liveness::kDead;
    }
    return it->second;
  }

 private:
  Workspace& workspace_;
  std::map<std::string, bool> known_;
};

// What its journal has beyond the run's file.
void bring_up_to_date(RunInfo& info, const JournalView& journals) {
  const JournalView::Found* found = journals.find(info.run_id);
  if (found == nullptr) return;
  JournalIndex::replay_news(*found->entry, info);
  if (found->dead && info.status == RunStatus::kRunning) info.status = RunStatus::kInterrupted;
}

// A run that has no file yet.
RunInfo journaled_info(const JournalView::Found& found) {
  RunInfo info = found.entry->identity;
  JournalIndex::replay_news(*found.entry, info);
  if (found.dead && info.status == RunStatus::kRunning) info.status = RunStatus::kInterrupted;
  return info;
}

Result<RunInfo> read_current(Workspace& workspace, const std::string& path, Writers& writers) {
  ASSAY_ASSIGN_OR_RETURN(RunInfo info, read_run_info(workspace.files(), path));
  if (info.status != RunStatus::kRunning || !writers.dead(info.writer)) return info;
  // The writer may have finished the run and left between the two looks.
  ASSAY_ASSIGN_OR_RETURN(info, read_run_info(workspace.files(), path));
  if (info.status == RunStatus::kRunning) info.status = RunStatus::kInterrupted;
  return info;
}

bool same_name(const std::string& a, const std::string& b) {
  return lower_case(a) == lower_case(b);
}

bool matches(const RunInfo& info, const RunFilter& filter) {
  return (filter.experiment.empty() || same_name(filter.experiment, info.experiment)) &&
         (filter.kind.empty() || same_name(filter.kind, info.kind)) &&
         (!filter.status || *filter.status == info.status) &&
         (filter.parent_run_id.empty() || same_name(filter.parent_run_id, info.parent_run_id));
}

std::string upper_case(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

tl::unexpected<Error> unknown_run(std::string_view reference, const RunList& all) {
  std::vector<std::string> names;
  for (const RunInfo& info : all.runs) names.push_back(info.name);
  const std::string_view near = nearest_name(reference, names);
  const std::string hint =
      near.empty() ? std::string() : fmt::format(" (did you mean '{}'?)", near);
  return fail(StatusCode::kNotFound, "no run '{}' in the workspace{}", reference, hint);
}

Result<RunInfo> find_by_prefix(std::string_view reference, const RunList& all) {
  const std::string prefix = upper_case(reference);
  const RunInfo* found = nullptr;
  for (const RunInfo& info : all.runs) {
    if (prefix.size() < kShortestPrefix || info.run_id.rfind(prefix, 0) != 0) continue;
    if (found != nullptr) {
      return fail(StatusCode::kInvalidArgument, "'{}' begins several run ids, {} and {} for two",
                  reference, found->run_id, info.run_id);
    }
    found = &info;
  }
  if (found == nullptr) return unknown_run(reference, all);
  return *found;
}

// Reads the files of one folder below runs/; notes the ids that have a file.
void list_shard(Workspace& workspace, const std::string& folder, const JournalView& journals,
                Writers& writers, std::set<std::string>& seen, RunList& list) {
  constexpr std::string_view kEnding = ".h5";
  const auto names = workspace.files().list(folder);
  if (!names) {
    list.damaged.push_back(names.error().message);
    return;
  }
  for (const std::string& name : *names) {
    if (!name.ends_with(kEnding)) continue;
    seen.insert(name.substr(0, name.size() - kEnding.size()));
    auto info = read_current(workspace, folder + "/" + name, writers);
    if (!info) {
      list.damaged.push_back(info.error().message);
      continue;
    }
    bring_up_to_date(*info, journals);
    list.runs.push_back(std::move(*info));
  }
}

Result<RunList> list_with(Workspace& workspace, const RunFilter& filter,
                          const JournalView& journals) {
  FileLayer& files = workspace.files();
  Writers writers(workspace);
  RunList list;
  list.damaged = journals.damaged();
  std::set<std::string> seen;
  const std::string root = workspace.path() + "/runs";
  if (files.exists(root)) {  // a workspace may be copied without its empty folders
    ASSAY_ASSIGN_OR_RETURN(const std::vector<std::string> shards, files.list(root));
    for (const std::string& shard : shards) {
      list_shard(workspace, root + "/" + shard, journals, writers, seen, list);
    }
  }
  for (const auto& [run_id, found] : journals.runs()) {
    // One that was published and has no file was deleted.
    const bool shown = !seen.contains(run_id) && found.entry->published_seq == 0;
    if (shown) list.runs.push_back(journaled_info(found));
  }
  std::erase_if(list.runs, [&](const RunInfo& info) { return !matches(info, filter); });
  std::sort(list.runs.begin(), list.runs.end(), [](const RunInfo& a, const RunInfo& b) {
    return a.created_ns != b.created_ns ? a.created_ns > b.created_ns : a.run_id > b.run_id;
  });
  if (filter.limit > 0 && list.runs.size() > static_cast<size_t>(filter.limit)) {
    list.runs.resize(static_cast<size_t>(filter.limit));
  }
  return list;
}

Result<RunInfo> find_with(Workspace& workspace, std::string_view reference,
                          const JournalView& journals) {
  if (is_ulid(reference)) {
    Writers writers(workspace);
    const std::string id = upper_case(reference);
    const std::string path = run_file_of(workspace, id);
    if (workspace.files().exists(path)) {
      ASSAY_ASSIGN_OR_RETURN(RunInfo info, read_current(workspace, path, writers));
      bring_up_to_date(info, journals);
      return info;
    }
    const auto* found = journals.find(id);
    if (found != nullptr && found->entry->published_seq == 0) return journaled_info(*found);
  }
  ASSAY_ASSIGN_OR_RETURN(const RunList all, list_with(workspace, {}, journals));
  for (const bool exact : {true, false}) {
    for (const RunInfo& info : all.runs) {
      const bool same =
          exact ? info.name == reference : same_name(info.name, std::string(reference));
      if (same) return info;
    }
  }
  return find_by_prefix(reference, all);
}

}  // namespace

Result<RunList> list_runs(Workspace& workspace, const RunFilter& filter) {
  // Journals first: what is published and dropped from them later is then found as a file.
  ASSAY_ASSIGN_OR_RETURN(const JournalView journals, JournalView::read(workspace));
  return list_with(workspace, filter, journals);
}

Result<RunInfo> find_run(Workspace& workspace, std::string_view reference) {
  ASSAY_ASSIGN_OR_RETURN(const JournalView journals, JournalView::read(workspace));
  return find_with(workspace, reference, journals);
}

Result<RunRecord> load_run(Workspace& workspace, std::string_view reference) {
  ASSAY_ASSIGN_OR_RETURN(const JournalView journals, JournalView::read(workspace));
  ASSAY_ASSIGN_OR_RETURN(const RunInfo info, find_with(workspace, reference, journals));
  const std::string path = run_file_of(workspace, info.run_id);
  RunRecord record;
  const JournalView::Found* found = journals.find(info.run_id);
  if (found == nullptr || workspace.files().exists(path)) {
    ASSAY_ASSIGN_OR_RETURN(record, read_run(workspace.files(), path));
  }
  if (found != nullptr) ASSAY_RETURN_IF_ERROR(found->index->replay(info.run_id, record));
  if (record.info.status == RunStatus::kRunning) record.info.status = info.status;
  return record;
}

std::string run_file_of(const Workspace& workspace, const std::string& run_id) {
  return fmt::format("{}/{}", workspace.path(), run_file_path(run_id));
}

}  // namespace assay::tracking
