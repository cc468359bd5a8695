#include "tracking/garbage.h"

#include <algorithm>
#include <memory>
#include <set>

#include "tracking/blob_references.h"
#include "tracking/blob_store.h"
#include "tracking/environment.h"
#include "tracking/model_registry.h"
#include "tracking/run_trash.h"

namespace assay::tracking {
namespace {

bool is_hash(const std::string& name) {
  return name.size() == 64 && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

class Collector {
 public:
  Collector(Workspace& workspace, const GarbageOptions& options)
      : workspace_(workspace),
        files_(workspace.files()),
        options_(options),
        now_ns_(wall_time_ns()),
        trash_(fmt::format("{}/{}", workspace.path(), kBlobTrash)) {}

  Result<GarbageReport> run() {
    if (!options_.dry_run) {
      // Also runs the recovery of dead writers, whose journals would name blobs for ever.
      ASSAY_RETURN_IF_ERROR(workspace_.recover());
      ASSAY_RETURN_IF_ERROR(check_held());
      ASSAY_RETURN_IF_ERROR(workspace_.ensure_folder(std::string(kBlobTrash)));
      // Left by a collection that was killed: nothing is lost before it is looked at again.
      ASSAY_RETURN_IF_ERROR(put_back_all());
    }
    ASSAY_RETURN_IF_ERROR(purge());
    ASSAY_ASSIGN_OR_RETURN(const BlobReferences references, find_references(workspace_, purged_));
    ASSAY_RETURN_IF_ERROR(move_unneeded(references));
    if (options_.dry_run || moved_.empty()) return report_;
    const auto again = find_references(workspace_);
    if (!again) {
      ASSAY_RETURN_IF_ERROR(put_back_all());
      return tl::unexpected<Error>(again.error());
    }
    ASSAY_RETURN_IF_ERROR(check_held());
    ASSAY_RETURN_IF_ERROR(remove_moved(*again));
    ASSAY_RETURN_IF_ERROR(check_held());
    return report_;
  }

 private:
  struct Moved {
    std::string sha256;
    int64_t size = 0;
  };

  Status check_held() {
    ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace_.writer());
    return writer->check_held();
  }

  Status purge() {
    const int64_t before_ns = now_ns_ - options_.retention_ns;
    ASSAY_ASSIGN_OR_RETURN(const std::vector<DeletedRun> runs,
                           purge_runs(workspace_, before_ns, options_.dry_run));
    for (const DeletedRun& run : runs) {
      ++report_.runs;
      report_.run_bytes += run.bytes;
      purged_.insert(run.path);
    }
    if (options_.dry_run) return {};
    ModelRegistry registry(std::shared_ptr<Workspace>(std::shared_ptr<void>(), &workspace_));
    ASSAY_ASSIGN_OR_RETURN(report_.models, registry.purge(before_ns));
    return {};
  }

  std::string place_of(const std::string& sha256) const {
    return fmt::format("{}/blobs/{}/{}", workspace_.path(), sha256.substr(0, 2), sha256);
  }

  Status move_unneeded(const BlobReferences& references) {
    const std::string root = workspace_.path() + "/blobs";
    const auto shards = files_.list(root);
    if (!shards && shards.error().code == StatusCode::kNotFound) return {};
    if (!shards) return tl::unexpected<Error>(shards.error());
    for (const std::string& shard : *shards) {
      const std::string folder = root + "/" + shard;
      ASSAY_ASSIGN_OR_RETURN(const std::vector<FolderEntry> entries, files_.scan(folder));
      const size_t before = moved_.size();
      for (const FolderEntry& entry : entries) {
        if (entry.info.folder || !is_hash(entry.name)) continue;
        ASSAY_RETURN_IF_ERROR(judge(entry, references));
      }
      if (moved_.size() > before && !options_.dry_run) {
        ASSAY_RETURN_IF_ERROR(files_.sync_folder(folder));
      }
    }
    return options_.dry_run || moved_.empty() ? Status() : files_.sync_folder(trash_);
  }

  Status judge(const FolderEntry& entry, const BlobReferences& references) {
    if (entry.info.links > 1 || references.contains(entry.name)) {
      ++report_.kept_blobs;
      return {};
    }
    // The time of change counts links too: a pin that was just dropped is young.
    if (now_ns_ - std::max(entry.info.changed_ns, entry.info.modified_ns) < options_.grace_ns) {
      ++report_.young_blobs;
      return {};
    }
    if (!options_.dry_run) {
      const Status moved = files_.rename(place_of(entry.name), trash_ + "/" + entry.name);
      if (!moved && moved.error().code == StatusCode::kNotFound) return {};
      ASSAY_RETURN_IF_ERROR(moved);
    } else {
      ++report_.blobs;
      report_.blob_bytes += entry.info.size;
    }
    moved_.push_back({entry.name, entry.info.size});
    return {};
  }

  Status remove_moved(const BlobReferences& references) {
    for (const Moved& blob : moved_) {
      const std::string path = trash_ + "/" + blob.sha256;
      const auto info = files_.stat(path);
      if (!info && info.error().code == StatusCode::kNotFound) continue;  // another collector
      if (!info) return tl::unexpected<Error>(info.error());
      if (info->links > 1 || references.contains(blob.sha256)) {
        ASSAY_RETURN_IF_ERROR(put_back(blob.sha256));
        ++report_.restored_blobs;
        continue;
      }
      const Status removed = files_.unlink(path);
      if (!removed && removed.error().code != StatusCode::kNotFound) return removed;
      ++report_.blobs;
      report_.blob_bytes += blob.size;
    }
    return files_.sync_folder(trash_);
  }

  // Back to its place, unless a writer has stored it anew.
  Status put_back(const std::string& sha256) {
    const std::string from = trash_ + "/" + sha256;
    const std::string to = place_of(sha256);
    const Status linked = files_.link(from, to);
    if (!linked && linked.error().code == StatusCode::kNotFound) return {};
    if (!linked && linked.error().code != StatusCode::kAlreadyExists) return linked;
    ASSAY_RETURN_IF_ERROR(files_.sync_folder(workspace_.path() + "/blobs/" + sha256.substr(0, 2)));
    const Status removed = files_.unlink(from);
    return !removed && removed.error().code == StatusCode::kNotFound ? Status() : removed;
  }

  Status put_back_all() {
    ASSAY_ASSIGN_OR_RETURN(const std::vector<std::string> names, files_.list(trash_));
    for (const std::string& name : names) {
      if (is_hash(name)) ASSAY_RETURN_IF_ERROR(put_back(name));
    }
    return {};
  }

  Workspace& workspace_;
  FileLayer& files_;
  const GarbageOptions options_;
  const int64_t now_ns_;
  const std::string trash_;
  std::set<std::string> purged_;
  std::vector<Moved> moved_;
  GarbageReport report_;
};

}  // namespace

Result<GarbageReport> collect_garbage(Workspace& workspace, const GarbageOptions& options) {
  if (options.grace_ns < 0 || options.retention_ns < 0) {
    return fail(StatusCode::kInvalidArgument, "periods of garbage collection must not be negative");
  }
  return Collector(workspace, options).run();
}

}  // namespace assay::tracking
