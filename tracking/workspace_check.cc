#include "tracking/workspace_check.h"

#include <memory>

#include "tracking/blob_references.h"
#include "tracking/blob_store.h"
#include "tracking/journal_view.h"
#include "tracking/model_registry.h"
#include "tracking/run_file.h"
#include "tracking/run_trash.h"

namespace assay::tracking {
namespace {

class Checker {
 public:
  Checker(Workspace& workspace, const StopToken& stop, const CheckProgress& progress)
      : workspace_(workspace), files_(workspace.files()), stop_(stop), progress_(progress) {}

  Result<CheckReport> run() {
    ASSAY_RETURN_IF_ERROR(check_journals());
    ASSAY_RETURN_IF_ERROR(check_runs(workspace_.path() + "/runs"));
    ASSAY_RETURN_IF_ERROR(check_runs(fmt::format("{}/{}", workspace_.path(), kRunTrash)));
    ASSAY_RETURN_IF_ERROR(check_models());
    ASSAY_RETURN_IF_ERROR(check_blobs());
    for (const auto& [sha256, who] : needed_) {
      report_.problems.push_back(fmt::format("blob {} is missing: {} needs it", sha256, who));
    }
    return std::move(report_);
  }

 private:
  Status step() {
    if (stop_.requested()) return fail(StatusCode::kCancelled, "the check was interrupted");
    ++done_;
    if (progress_) progress_(done_);
    return {};
  }

  Status check_journals() {
    ASSAY_ASSIGN_OR_RETURN(const JournalView journals, JournalView::read(workspace_));
    for (std::string& message : journals.damaged()) report_.problems.push_back(std::move(message));
    for (const auto& [run_id, found] : journals.runs()) {
      ASSAY_RETURN_IF_ERROR(step());
      ++report_.journals;
      const auto record = journaled_run(workspace_, run_id, found);
      if (record) {
        add_references(*record, needed_);
      } else {
        report_.problems.push_back(record.error().message);
      }
    }
    return {};
  }

  Status check_runs(const std::string& folder) {
    const auto entries = files_.scan(folder);
    if (!entries && entries.error().code == StatusCode::kNotFound) return {};
    if (!entries) return tl::unexpected<Error>(entries.error());
    for (const FolderEntry& entry : *entries) {
      const std::string path = folder + "/" + entry.name;
      if (entry.info.folder) {
        ASSAY_RETURN_IF_ERROR(check_runs(path));
      } else if (entry.name.ends_with(".h5")) {
        ASSAY_RETURN_IF_ERROR(step());
        check_run(path, entry);
      }
    }
    return {};
  }

  void check_run(const std::string& path, const FolderEntry& entry) {
    const auto run = read_run(files_, path);
    if (!run) {
      if (run.error().code != StatusCode::kNotFound)
        report_.problems.push_back(run.error().message);
      return;
    }
    ++report_.runs;
    report_.run_bytes += entry.info.size;
    if (entry.name.rfind(run->info.run_id, 0) != 0) {
      report_.problems.push_back(fmt::format("'{}' holds run {}", path, run->info.run_id));
    }
    add_references(*run, needed_);
  }

  Status check_models() {
    ModelRegistry registry(std::shared_ptr<Workspace>(std::shared_ptr<void>(), &workspace_));
    ASSAY_ASSIGN_OR_RETURN(const auto models, registry.list_models(&report_.problems));
    for (const ModelVersion& latest : models) {
      ASSAY_ASSIGN_OR_RETURN(const auto versions, registry.list_versions(latest.name, nullptr));
      for (const ModelVersion& version : versions) {
        ASSAY_RETURN_IF_ERROR(step());
        ++report_.models;
        needed_.try_emplace(version.sha256,
                            fmt::format("model {}:{}", version.name, version.version));
      }
    }
    return {};
  }

  Status check_blobs() {
    const std::string root = workspace_.path() + "/blobs";
    const auto shards = files_.list(root);
    if (!shards && shards.error().code == StatusCode::kNotFound) return {};
    if (!shards) return tl::unexpected<Error>(shards.error());
    BlobStore blobs(workspace_);
    for (const std::string& shard : *shards) {
      ASSAY_ASSIGN_OR_RETURN(const auto entries, files_.scan(root + "/" + shard));
      for (const FolderEntry& entry : entries) {
        ASSAY_RETURN_IF_ERROR(step());
        needed_.erase(entry.name);
        const Status whole = blobs.verify(entry.name);
        if (!whole && whole.error().code == StatusCode::kInvalidArgument) {
          report_.problems.push_back(fmt::format("'{}/{}/{}' is no blob", root, shard, entry.name));
        } else if (!whole && whole.error().code != StatusCode::kNotFound) {
          report_.problems.push_back(whole.error().message);
        } else if (whole) {
          ++report_.blobs;
          report_.blob_bytes += entry.info.size;
        }
      }
    }
    return {};
  }

  Workspace& workspace_;
  FileLayer& files_;
  const StopToken& stop_;
  const CheckProgress& progress_;
  BlobReferences needed_;
  CheckReport report_;
  int64_t done_ = 0;
};

}  // namespace

Result<CheckReport> check_workspace(Workspace& workspace, const StopToken& stop,
                                    const CheckProgress& progress) {
  return Checker(workspace, stop, progress).run();
}

}  // namespace assay::tracking
