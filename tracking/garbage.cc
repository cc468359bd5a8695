#include "tracking/garbage.h"

#include <algorithm>
#include <memory>
#include <set>

#include "tracking/blob_references.h"
#include "tracking/blob_store.h"
#include "tracking/catalog.h"
#include "tracking/environment.h"
#include "tracking/full_disk.h"
#include "tracking/model_registry.h"
#include "tracking/run_scratch.h"
#include "tracking/run_trash.h"

namespace assay::tracking {
namespace {

// Blobs are removed by references that were found so long ago at most.
constexpr int64_t kFreshNs = int64_t{30} * 1'000'000'000;

class Collector {
 public:
  Collector(Workspace& workspace, const GarbageOptions& options, int64_t now_ns,
            ReferenceFinder& finder)
      : workspace_(workspace),
        files_(workspace.files()),
        options_(options),
        finder_(finder),
        now_ns_(now_ns),
        trash_(fmt::format("{}/{}", workspace.path(), kBlobTrash)) {}

  Result<GarbageReport> run() {
    if (!options_.dry_run) ASSAY_RETURN_IF_ERROR(begin());
    ASSAY_RETURN_IF_ERROR(purge());
    if (!options_.dry_run) ASSAY_RETURN_IF_ERROR(prepare());
    while (true) {
      const int64_t before = report_.blobs;
      ASSAY_ASSIGN_OR_RETURN(const FoundReferences references, finder_.find(gone_));
      ASSAY_RETURN_IF_ERROR(note_missing(references));
      report_.kept_blobs = report_.young_blobs = report_.held_blobs = report_.held_bytes = 0;
      const Status moved = move_unneeded(references);
      note_problems(references);
      if (!options_.dry_run && !moved_.empty()) ASSAY_RETURN_IF_ERROR(remove_moved());
      if (moved) break;
      // A disk so full that a folder cannot grow: what was moved by then is gone now.
      if (!is_full_disk(moved.error()) || report_.blobs == before) {
        return tl::unexpected<Error>(moved.error());
      }
    }
    if (!options_.dry_run) ASSAY_RETURN_IF_ERROR(check_held());
    return report_;
  }

 private:
  struct Moved {
    std::string sha256;
    int64_t size = 0;
  };

  // Becomes a writer, if there is room to, and recovers dead ones, whose journals would name blobs
  // for ever.
  Status begin() {
    const Status recovered = workspace_.recover();
    const auto writer = workspace_.writer();
    leased_ = writer.has_value();
    if (leased_) ASSAY_RETURN_IF_ERROR(check_held());
    // What cannot be recovered for want of room stays in journals, which are read for references.
    return recovered || is_full_disk(recovered.error()) ? Status() : recovered;
  }

  Status prepare() {
    if (!leased_) {
      ASSAY_RETURN_IF_ERROR(begin());
      if (!leased_) {
        (void)Catalog::discard(workspace_);
        ASSAY_RETURN_IF_ERROR(begin());
      }
      // Not before: a model is given up by a record.
      if (leased_) ASSAY_RETURN_IF_ERROR(purge_models());
    }
    ASSAY_RETURN_IF_ERROR(workspace_.ensure_folder(std::string(kBlobTrash)));
    // Left by a collection that was killed: nothing is lost before it is looked at again.
    return put_back_all();
  }

  Status check_held() {
    if (!leased_) return {};
    ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace_.writer());
    return writer->check_held();
  }

  Status purge() {
    ASSAY_ASSIGN_OR_RETURN(const std::vector<DeletedRun> runs,
                           purge_runs(workspace_, before_ns(), options_.dry_run));
    for (const DeletedRun& run : runs) {
      ++report_.runs;
      report_.run_bytes += run.bytes;
      gone_.files.insert(run.path);
    }
    ASSAY_ASSIGN_OR_RETURN(const StaleScratch stale,
                           remove_stale_scratch(workspace_, before_ns(), options_.dry_run));
    report_.scratch_runs = stale.runs;
    report_.scratch_bytes = stale.bytes;
    if (!options_.dry_run) return leased_ ? purge_models() : Status();
    ASSAY_ASSIGN_OR_RETURN(gone_.versions, registry().purgeable(before_ns()));
    report_.models = static_cast<int64_t>(gone_.versions.size());
    return {};
  }

  Status purge_models() {
    ASSAY_ASSIGN_OR_RETURN(report_.models, registry().purge(before_ns()));
    return {};
  }

  ModelRegistry registry() {
    return ModelRegistry(std::shared_ptr<Workspace>(std::shared_ptr<void>(), &workspace_));
  }

  int64_t before_ns() const { return now_ns_ - options_.retention_ns; }

  std::string place_of(const std::string& sha256) const {
    return workspace_.path() + "/" + blob_path(sha256);
  }

  void note_problems(const FoundReferences& references) {
    report_.damaged = references.damaged;
    report_.unreadable = references.unreadable;
    report_.unreadable.insert(report_.unreadable.end(), unlisted_.begin(), unlisted_.end());
  }

  Status note_missing(const FoundReferences& references) {
    ASSAY_ASSIGN_OR_RETURN(BlobReferences missing, missing_blobs(workspace_, references.blobs));
    if (!missing.empty()) {
      // What was purged meanwhile misses nothing.
      ASSAY_ASSIGN_OR_RETURN(const FoundReferences again, finder_.find(gone_));
      std::erase_if(missing, [&](const auto& one) { return !again.blobs.contains(one.first); });
    }
    report_.missing = missing_messages(missing);
    return {};
  }

  // What is in a folder; nothing if it is not there, or cannot be listed, which is noted.
  std::vector<FolderEntry> scan(const std::string& folder) {
    auto entries = files_.scan(folder);
    if (entries) return std::move(*entries);
    if (entries.error().code != StatusCode::kNotFound) {
      unlisted_.push_back(std::move(entries.error().message));
    }
    return {};
  }

  // Fails half-way on a full disk; what it moved is in moved_.
  Status move_unneeded(const FoundReferences& references) {
    const std::string root = workspace_.path() + "/blobs";
    unlisted_.clear();
    const std::vector<FolderEntry> shards = scan(root);
    Status status;
    for (size_t i = 0; i < shards.size() && status; ++i) {
      if (!shards[i].info.folder) continue;  // nothing of ours
      const std::string folder = root + "/" + shards[i].name;
      const std::vector<FolderEntry> entries = scan(folder);
      const size_t before = moved_.size();
      for (size_t k = 0; k < entries.size() && status; ++k) {
        const bool file = !entries[k].info.folder && !entries[k].info.special;
        if (file && is_blob_name(entries[k].name)) {
          status = judge(entries[k], references);
        }
      }
      if (moved_.size() > before) ASSAY_RETURN_IF_ERROR(files_.sync_folder(folder));
    }
    if (!moved_.empty()) ASSAY_RETURN_IF_ERROR(files_.sync_folder(trash_));
    return status;
  }

  Status judge(const FolderEntry& entry, const FoundReferences& references) {
    if (entry.info.links > 1 || references.blobs.contains(entry.name)) {
      ++report_.kept_blobs;
      return {};
    }
    // The time of change counts links too: a pin that was just dropped is young.
    if (now_ns_ - std::max(entry.info.changed_ns, entry.info.modified_ns) < options_.grace_ns) {
      ++report_.young_blobs;
      return {};
    }
    if (!references.complete()) {
      ++report_.held_blobs;
      report_.held_bytes += entry.info.size;
      return {};
    }
    if (options_.dry_run) {
      ++report_.blobs;
      report_.blob_bytes += entry.info.size;
      return {};
    }
    const Status moved = files_.rename(place_of(entry.name), trash_ + "/" + entry.name);
    if (!moved && moved.error().code == StatusCode::kNotFound) return {};
    ASSAY_RETURN_IF_ERROR(moved);
    moved_.push_back({entry.name, entry.info.size});
    return {};
  }

  Status remove_moved() {
    const Status removed = remove_unneeded();
    moved_.clear();
    if (!removed) ASSAY_RETURN_IF_ERROR(put_back_all());
    return removed;
  }

  // Pins before references: what is published and then let go of in between is found by name.
  Status remove_unneeded() {
    while (!moved_.empty()) {
      ASSAY_RETURN_IF_ERROR(restore_pinned());
      ASSAY_ASSIGN_OR_RETURN(const FoundReferences references, finder_.find());
      ASSAY_RETURN_IF_ERROR(check_held());
      if (!references.complete()) return hold_moved(references);
      const int64_t looked_ns = wall_time_ns();
      while (!moved_.empty()) {
        const int64_t age_ns = wall_time_ns() - looked_ns;
        if (age_ns < 0 || age_ns > kFreshNs) break;  // this was asleep, or clocks jumped
        ASSAY_RETURN_IF_ERROR(remove(moved_.back(), references));
        moved_.pop_back();
      }
    }
    return files_.sync_folder(trash_);
  }

  Status remove(const Moved& blob, const FoundReferences& references) {
    if (references.blobs.contains(blob.sha256)) return restore(blob.sha256);
    const Status removed = files_.unlink(trash_ + "/" + blob.sha256);
    if (!removed && removed.error().code != StatusCode::kNotFound) return removed;
    ++report_.blobs;
    report_.blob_bytes += blob.size;
    return {};
  }

  // Something was damaged since the first look.
  Status hold_moved(const FoundReferences& references) {
    note_problems(references);
    for (const Moved& blob : moved_) {
      ASSAY_RETURN_IF_ERROR(put_back(blob.sha256));
      ++report_.held_blobs;
      report_.held_bytes += blob.size;
    }
    return {};
  }

  Status restore_pinned() {
    std::vector<Moved> free;
    for (Moved& blob : moved_) {
      const auto info = files_.stat(trash_ + "/" + blob.sha256);
      if (!info && info.error().code == StatusCode::kNotFound) continue;  // another collector
      if (!info) return tl::unexpected<Error>(info.error());
      if (info->links > 1) {
        ASSAY_RETURN_IF_ERROR(restore(blob.sha256));
      } else {
        free.push_back(std::move(blob));
      }
    }
    moved_ = std::move(free);
    return {};
  }

  Status restore(const std::string& sha256) {
    ASSAY_RETURN_IF_ERROR(put_back(sha256));
    ++report_.restored_blobs;
    return {};
  }

  // Back to its place, unless a writer has stored it anew.
  Status put_back(const std::string& sha256) {
    const std::string from = trash_ + "/" + sha256;
    const std::string to = place_of(sha256);
    const Status linked = files_.link(from, to);
    if (!linked && linked.error().code == StatusCode::kNotFound) return {};
    if (!linked && linked.error().code != StatusCode::kAlreadyExists) return linked;
    ASSAY_RETURN_IF_ERROR(files_.sync_folder(workspace_.path() + "/" + blob_folder(sha256)));
    const Status removed = files_.unlink(from);
    return !removed && removed.error().code == StatusCode::kNotFound ? Status() : removed;
  }

  Status put_back_all() {
    ASSAY_ASSIGN_OR_RETURN(const std::vector<std::string> names, files_.list(trash_));
    for (const std::string& name : names) {
      if (is_blob_name(name)) ASSAY_RETURN_IF_ERROR(put_back(name));
    }
    return {};
  }

  Workspace& workspace_;
  FileLayer& files_;
  const GarbageOptions options_;
  ReferenceFinder& finder_;
  const int64_t now_ns_;
  const std::string trash_;
  bool leased_ = false;
  AsIfGone gone_;
  std::vector<Moved> moved_;
  std::vector<std::string> unlisted_;  // why folders of blobs could not be listed
  GarbageReport report_;
};

}  // namespace

struct GarbageCollection::State {
  Workspace& workspace;
  GarbageOptions options;
  ReferenceFinder finder;
  int64_t now_ns;

  Result<GarbageReport> run(bool dry_run) {
    GarbageOptions now = options;
    now.dry_run = dry_run;
    return Collector(workspace, now, now_ns, finder).run();
  }
};

GarbageCollection::GarbageCollection(std::unique_ptr<State> state) : state_(std::move(state)) {}
GarbageCollection::~GarbageCollection() = default;
GarbageCollection::GarbageCollection(GarbageCollection&&) noexcept = default;

Result<GarbageCollection> GarbageCollection::create(Workspace& workspace,
                                                    const GarbageOptions& options) {
  if (options.grace_ns < 0 || options.retention_ns < 0) {
    return fail(StatusCode::kInvalidArgument, "periods of garbage collection must not be negative");
  }
  return GarbageCollection(std::make_unique<State>(
      State{workspace, options, ReferenceFinder(workspace), wall_time_ns()}));
}

Result<GarbageReport> GarbageCollection::plan() { return state_->run(true); }
Result<GarbageReport> GarbageCollection::collect() { return state_->run(false); }
int64_t GarbageCollection::files_read() const { return state_->finder.files_read(); }

Result<GarbageReport> collect_garbage(Workspace& workspace, const GarbageOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(GarbageCollection collection,
                         GarbageCollection::create(workspace, options));
  return options.dry_run ? collection.plan() : collection.collect();
}

}  // namespace assay::tracking
