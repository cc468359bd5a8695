#include "tracking/workspace_copy.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <vector>

#include "kernels/base/hash.h"
#include "tracking/journal_view.h"
#include "tracking/records_internal.h"
#include "tracking/run_file.h"
#include "tracking/run_query.h"
#include "tracking/run_seal_internal.h"
#include "tracking/ulid.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

// What a workspace consists of; all else is rebuilt, or belongs to a process.
constexpr std::array<const char*, 5> kParts = {"blobs", "runs", "models", "datasets", "trash"};
constexpr int64_t kFileLimitBytes = int64_t{8} << 30;

bool is_inside(const fs::path& path, const fs::path& folder) {
  const fs::path relative = path.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
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
    ASSAY_RETURN_IF_ERROR(files_.make_folder(to_));
    ASSAY_RETURN_IF_ERROR(files_.make_folder(to_ + "/writers"));
    for (const std::string part : kParts) {
      ASSAY_RETURN_IF_ERROR(files_.make_folder(to_ + "/" + part));
      if (!files_.exists(workspace_.path() + "/" + part)) continue;
      ASSAY_RETURN_IF_ERROR(copy_folder(part));
    }
    ASSAY_ASSIGN_OR_RETURN(const std::string uuid, make_ulid());
    const std::string text =
        to_json(WorkspaceRecord{kWorkspaceFormat, uuid, workspace_.display_name()});
    ASSAY_RETURN_IF_ERROR(
        publish_file(files_, to_, to_ + "/WORKSPACE", std::as_bytes(std::span(text))));
    ASSAY_RETURN_IF_ERROR(files_.sync_folder(fs::path(to_).parent_path().string()));
    return report_;
  }

 private:
  Status copy_folder(const std::string& relative) {
    ASSAY_ASSIGN_OR_RETURN(const auto entries, files_.scan(workspace_.path() + "/" + relative));
    for (const FolderEntry& entry : entries) {
      const std::string inner = relative + "/" + entry.name;
      if (entry.info.folder) {
        ASSAY_RETURN_IF_ERROR(files_.make_folder(to_ + "/" + inner));
        ASSAY_RETURN_IF_ERROR(copy_folder(inner));
      } else {
        ASSAY_RETURN_IF_ERROR(copy_file(inner, entry.name));
      }
    }
    return files_.sync_folder(to_ + "/" + relative);
  }

  Status copy_file(const std::string& relative, const std::string& name) {
    if (stop_.requested()) return fail(StatusCode::kCancelled, "the copy was interrupted");
    const std::string from = workspace_.path() + "/" + relative;
    const auto bytes = read_file(files_, from, kFileLimitBytes);
    // Deleted meanwhile.
    if (!bytes && bytes.error().code == StatusCode::kNotFound) return {};
    if (!bytes) return tl::unexpected<Error>(bytes.error());
    ASSAY_RETURN_IF_ERROR(verify(relative, name, *bytes));
    ASSAY_ASSIGN_OR_RETURN(auto file, files_.create(to_ + "/" + relative));
    ASSAY_RETURN_IF_ERROR(file->append(std::as_bytes(std::span(*bytes))));
    ASSAY_RETURN_IF_ERROR(file->sync());
    ++report_.files;
    report_.bytes += static_cast<int64_t>(bytes->size());
    if (progress_) progress_(report_.bytes);
    return {};
  }

  static Status verify(const std::string& relative, const std::string& name,
                       const std::string& bytes) {
    if (relative.rfind("blobs/", 0) == 0 || relative.rfind("trash/blobs/", 0) == 0) {
      const std::string found = sha256_hex(std::as_bytes(std::span(bytes)));
      if (found != name) {
        return fail(StatusCode::kData, "blob {} is damaged: its bytes hash to {}", name, found);
      }
    } else if (name.ends_with(".h5")) {
      ASSAY_RETURN_IF_ERROR(verified_image(bytes, relative));
    }
    return {};
  }

  Workspace& workspace_;
  FileLayer& files_;
  const std::string to_;
  const StopToken& stop_;
  const std::function<void(int64_t)>& progress_;
  CopyReport report_;
};

}  // namespace

namespace {

// At least these: what is published while files are copied may be in the copy or not.
Result<int64_t> runs_behind(Workspace& workspace) {
  ASSAY_ASSIGN_OR_RETURN(const JournalView journals, JournalView::read(workspace));
  return std::count_if(journals.runs().begin(), journals.runs().end(), [&](const auto& run) {
    const auto& [run_id, found] = run;
    if (found.dead) return false;
    const auto info = read_run_info(workspace.files(), run_file_of(workspace, run_id));
    const uint64_t published = std::max(info ? info->wal_seq : 0, found.entry->published_seq);
    return JournalIndex::reach(*found.entry, published) > published;
  });
}

}  // namespace

Result<CopyReport> copy_workspace(Workspace& workspace, const std::string& to,
                                  const StopToken& stop,
                                  const std::function<void(int64_t)>& progress) {
  std::error_code error;
  const fs::path target = fs::absolute(to, error).lexically_normal();
  if (error || to.empty()) {
    return fail(StatusCode::kInvalidArgument, "'{}' is no folder to copy to", to);
  }
  if (is_inside(target, fs::path(workspace.path()).lexically_normal())) {
    return fail(StatusCode::kInvalidArgument, "'{}' is inside the workspace '{}'", to,
                workspace.path());
  }
  FileLayer& files = workspace.files();
  if (files.exists(target.string())) {
    ASSAY_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.list(target.string()));
    if (!names.empty()) {
      return fail(StatusCode::kAlreadyExists, "'{}' is not empty: it holds '{}'", to, names[0]);
    }
  }
  ASSAY_RETURN_IF_ERROR(workspace.recover());
  std::string folder = target.string();
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  ASSAY_ASSIGN_OR_RETURN(const int64_t behind, runs_behind(workspace));
  ASSAY_ASSIGN_OR_RETURN(CopyReport report,
                         Copier(workspace, std::move(folder), stop, progress).run());
  report.runs_behind = behind;
  return report;
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
