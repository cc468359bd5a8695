#include "tracking/snapshot.h"

#include <filesystem>

#include "tracking/blob_store.h"
#include "tracking/records_internal.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

constexpr uint32_t kPlainFileMode = 0100644;

std::string folder_for(const SnapshotRequest& request) {
  if (!request.folder.empty()) return request.folder;
  const std::string parent = std::filesystem::path(request.config_path).parent_path().string();
  return parent.empty() ? "." : parent;
}

}  // namespace

Result<SourceInfo> take_snapshot(Workspace& workspace, const SnapshotRequest& request) {
  BlobStore blobs(workspace);
  SourceInfo source;
  source.config = request.config_text;
  // Only the file's name: where the folder lies is nobody's business, and it moves.
  source.config_path = clean_utf8(std::filesystem::path(request.config_path).filename().string());
  if (!source.config_path.empty()) {
    ASSAY_ASSIGN_OR_RETURN(const BlobRef blob, blobs.put(request.config_text));
    source.files.push_back({source.config_path, kPlainFileMode, blob.size, blob.sha256});
  }
  const GitState git = read_git_state(folder_for(request), request.stop);
  source.git_commit = git.commit;
  source.git_branch = git.branch;
  source.git_dirty = git.dirty;
  source.git_note = git.note;
  if (!git.diff.empty()) {
    ASSAY_ASSIGN_OR_RETURN(const BlobRef blob, blobs.put(git.diff));
    source.git_diff_sha256 = blob.sha256;
  }
  ASSAY_ASSIGN_OR_RETURN(const BlobRef manifest,
                         blobs.put(manifest_json(source, request.command_line)));
  source.manifest_sha256 = manifest.sha256;
  return source;
}

SourceInfo child_source(const SourceInfo& parent, std::string config) {
  SourceInfo source;
  source.manifest_sha256 = parent.manifest_sha256;
  source.git_commit = parent.git_commit;
  source.git_branch = parent.git_branch;
  source.git_dirty = parent.git_dirty;
  source.config = std::move(config);
  return source;
}

}  // namespace assay::tracking
