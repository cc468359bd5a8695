#include "tracking/blob_references.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include "tracking/blob_store.h"
#include "tracking/catalog.h"
#include "tracking/environment.h"
#include "tracking/model_registry.h"
#include "tracking/quarantine.h"
#include "tracking/run_file.h"
#include "tracking/run_folders_internal.h"
#include "tracking/run_links.h"
#include "tracking/run_query.h"
#include "tracking/run_trash.h"

namespace assay::tracking {
namespace {

// Runs that are deleted and restored while their files are looked for let a look start again.
constexpr int kTries = 32;
constexpr int64_t kSettleNs = int64_t{2'000'000'000};

Status add_journals(Workspace& workspace, FoundReferences& references) {
  ASSAY_ASSIGN_OR_RETURN(const JournalView journals, JournalView::read(workspace));
  references.damaged = journals.damaged();
  references.unreadable = journals.unreadable();
  for (const auto& [run_id, found] : journals.runs()) {
    auto record = journaled_run(workspace, run_id, found);
    if (!record) {
      references.note(record.error());
      // Its file is told of again, by itself; what the journal alone says is still found.
      record = RunRecord();
      (void)found.index->replay(run_id, *record);
    }
    add_references(*record, references.blobs);
  }
  return {};
}

}  // namespace

void add_references(const RunRecord& run, BlobReferences& references) {
  const std::string who = "run " + run.info.run_id;
  for (const std::string& sha256 : links_of(run).blobs) references.try_emplace(sha256, who);
}

Result<RunRecord> journaled_run(Workspace& workspace, const std::string& run_id,
                                const JournalView::Found& found) {
  RunRecord record;
  record.info = found.entry->identity;
  record.info.wal_seq = 0;
  // Changes that went to the file alone are missing in the journal: what follows them is replayed
  // on the file only.
  auto published = read_run(workspace.files(), run_file_of(workspace, run_id));
  if (published) {
    record = std::move(*published);
  } else if (published.error().code != StatusCode::kNotFound) {
    return tl::unexpected<Error>(std::move(published.error()));
  }
  ASSAY_RETURN_IF_ERROR(found.index->replay(run_id, record));
  return record;
}

namespace {

// Whether what is not found in a folder of blobs is not there: a link to a disk that is away, or a
// folder without rights, says nothing.
bool shows_absence(FileLayer& files, const std::string& root, const std::string& shard) {
  const auto inside = files.list(root + "/" + shard);
  if (inside || inside.error().code != StatusCode::kNotFound) return inside.has_value();
  const auto shards = files.list(root);
  if (!shards) return shards.error().code == StatusCode::kNotFound;
  return !std::binary_search(shards->begin(), shards->end(), shard);
}

bool is_absent(FileLayer& files, const std::string& path) {
  const auto info = files.stat(path);
  return info ? info->folder || info->special : info.error().code == StatusCode::kNotFound;
}

}  // namespace

Result<BlobReferences> missing_blobs(Workspace& workspace, const BlobReferences& named) {
  FileLayer& files = workspace.files();
  const std::string trash = fmt::format("{}/{}/", workspace.path(), kBlobTrash);
  BlobReferences missing;
  for (const auto& [sha256, who] : named) {
    if (!is_blob_name(sha256)) continue;
    if (!is_absent(files, fmt::format("{}/{}", workspace.path(), blob_path(sha256)))) continue;
    if (is_absent(files, trash + sha256)) missing.emplace(sha256, who);
  }
  if (missing.empty()) return missing;
  std::map<std::string, bool> shown;  // by folder
  const std::string root = workspace.path() + "/blobs";
  for (const auto& entry : missing) {
    const std::string shard = entry.first.substr(0, 2);
    if (!shown.contains(shard)) shown[shard] = shows_absence(files, root, shard);
  }
  ASSAY_ASSIGN_OR_RETURN(const std::set<std::string> away, quarantined_blobs(workspace));
  std::erase_if(missing, [&](const auto& one) {
    return away.contains(one.first) || !shown.at(one.first.substr(0, 2));
  });
  return missing;
}

std::vector<std::string> missing_messages(const BlobReferences& missing) {
  std::vector<std::string> messages;
  for (const auto& [sha256, who] : missing) {
    messages.push_back(fmt::format("blob {} is missing: {} needs it", sha256, who));
  }
  return messages;
}

Status ReferenceFinder::list_files(const std::string& folder, std::vector<Found>& files) {
  const auto entries = workspace_.files().scan(folder);
  if (!entries && entries.error().code == StatusCode::kNotFound) return {};
  if (!entries) {
    files.push_back({folder, {}, entries.error()});
    return {};
  }
  const bool top = folder == workspace_.path() + "/runs";
  for (const FolderEntry& entry : *entries) {
    const std::string path = folder + "/" + entry.name;
    const bool of_run = is_place_of_run(workspace_, path) || is_place_of_deleted(workspace_, path);
    const std::string why = of_run ? why_no_file(path, entry.info) : std::string();
    if (!why.empty()) {
      files.push_back({path, entry.info, Error{StatusCode::kData, why}});
      continue;
    }
    const auto inside = top && is_shard_name(entry.name)
                            ? leads_to_folder(workspace_.files(), path, entry.info)
                            : Result<bool>(entry.info.folder);
    if (!inside) {
      files.push_back({path, {}, inside.error()});
    } else if (*inside) {
      ASSAY_RETURN_IF_ERROR(list_files(path, files));
    } else if (entry.name.ends_with(".h5") && !entry.info.special) {
      files.push_back({path, entry.info, {}});
    }
  }
  return {};
}

// A run that is deleted meanwhile is found in the trash, which is listed last. One that is restored
// meanwhile may be in neither list, but was in the trash before: then all is listed again.
Result<std::vector<ReferenceFinder::Found>> ReferenceFinder::all_files() {
  const std::string trash = fmt::format("{}/{}", workspace_.path(), kRunTrash);
  FileLayer& layer = workspace_.files();
  for (int tries = 0; tries < kTries; ++tries) {
    const auto stat_before = layer.stat(trash);
    std::vector<Found> before;
    std::vector<Found> files;
    ASSAY_RETURN_IF_ERROR(list_files(trash, before));
    ASSAY_RETURN_IF_ERROR(list_files(workspace_.path() + "/runs", files));
    const auto runs = static_cast<std::ptrdiff_t>(files.size());
    ASSAY_RETURN_IF_ERROR(list_files(trash, files));
    const auto stat_after = layer.stat(trash);
    const bool same_stat = stat_before.has_value() == stat_after.has_value() &&
                           (!stat_before || *stat_before == *stat_after);
    const bool same_trash =
        same_stat && std::equal(files.begin() + runs, files.end(), before.begin(), before.end(),
                                [](const Found& a, const Found& b) { return a.path == b.path; });
    if (same_trash) return files;
  }
  return fail(StatusCode::kIo, "runs in '{}' are deleted and restored without a pause: try later",
              workspace_.path());
}

Status ReferenceFinder::read_new(const std::vector<Found>& files) {
  std::vector<const Found*> fresh;
  for (const Found& file : files) {
    const auto it = known_.find(file.path);
    if (it != known_.end() && it->second.settled && it->second.file == file.file) {
      it->second.round = round_;
    } else {
      fresh.push_back(&file);
    }
  }
  const int64_t now_ns = wall_time_ns();
  std::vector<Result<RunLinks>> links(fresh.size());
  for_each_index(fresh.size(), [&](size_t i) {
    const Found& file = *fresh[i];
    links[i] = file.problem ? Result<RunLinks>(tl::unexpected<Error>(*file.problem))
                            : read_run_links(workspace_.files(), file.path);
    if (links[i] || links[i].error().code != StatusCode::kNotFound) return;
    const std::string why = why_not_found(workspace_.files(), file.path, file.file);
    if (!why.empty()) links[i] = fail(StatusCode::kData, "{}", why);
  });
  files_read_ += static_cast<int64_t>(fresh.size());
  for (size_t i = 0; i < fresh.size(); ++i) {
    // Deleted or restored since the folders were listed: listed again, it is elsewhere.
    if (!links[i] && links[i].error().code == StatusCode::kNotFound) {
      return tl::unexpected<Error>(std::move(links[i].error()));
    }
    Known& known = known_[fresh[i]->path];
    const FileInfo& file = fresh[i]->file;
    const int64_t changed_ns = std::max(file.changed_ns, file.modified_ns);
    known = {file,   links[i] && changed_ns < now_ns - kSettleNs,
             round_, std::filesystem::path(fresh[i]->path).stem().string().substr(0, kRunIdBytes),
             {},     {}};
    if (links[i]) {
      known.blobs = std::move(links[i]->blobs);
    } else {
      known.problem = std::move(links[i].error());
    }
  }
  return {};
}

Result<FoundReferences> ReferenceFinder::find(const AsIfGone& gone) {
  FoundReferences references;
  // Journals first: a run that is published meanwhile is then found in its file.
  ASSAY_RETURN_IF_ERROR(add_journals(workspace_, references));
  ++round_;
  for (int tries = 0;; ++tries) {
    ASSAY_ASSIGN_OR_RETURN(std::vector<Found> files, all_files());
    std::erase_if(files, [&](const Found& file) { return gone.files.contains(file.path); });
    Status read = read_new(files);
    if (read) break;
    if (read.error().code != StatusCode::kNotFound || tries == kTries) {
      return tl::unexpected<Error>(std::move(read.error()));
    }
  }
  std::erase_if(known_, [&](const auto& entry) { return entry.second.round != round_; });
  for (const auto& [path, known] : known_) {
    const std::string who = "run " + known.run_id;
    for (const std::string& sha256 : known.blobs) references.blobs.try_emplace(sha256, who);
    if (known.problem) references.note(*known.problem);
  }
  // Their files may come back.
  ASSAY_ASSIGN_OR_RETURN(const std::vector<MissingRun> missing, Catalog(workspace_).missing());
  for (std::string& why : missing_run_messages(workspace_, missing)) {
    references.note({StatusCode::kData, std::move(why)});
  }
  ModelRegistry registry(std::shared_ptr<Workspace>(std::shared_ptr<void>(), &workspace_));
  ASSAY_ASSIGN_OR_RETURN(const std::vector<std::string> models,
                         registry.blobs_needed(&references, gone.versions));
  for (const std::string& sha256 : models) {
    references.blobs.try_emplace(sha256, "a registered model");
  }
  return references;
}

Result<FoundReferences> find_references(Workspace& workspace) {
  return ReferenceFinder(workspace).find();
}

}  // namespace assay::tracking
