#include "tracking/snapshot.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include "tracking/blob_store.h"
#include "tracking/records_internal.h"
#include "tracking/source_tree_internal.h"
#include "tracking/utf8_internal.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kManifestLimitBytes = int64_t{64} << 20;
constexpr size_t kStoreThreads = 16;

// Of the repository that the config is in, or else of that of the scripts.
GitState git_state_for(const SnapshotRequest& request) {
  std::vector<std::string> folders;
  if (!request.folder.empty()) {
    folders.push_back(request.folder);
  } else {
    const std::string parent = fs::path(request.config_path).parent_path().string();
    if (!request.config_path.empty()) folders.push_back(parent.empty() ? "." : parent);
    if (!request.scripts.empty()) folders.push_back(request.scripts);
    if (folders.empty()) folders.emplace_back(".");
  }
  GitState state;
  for (const std::string& folder : folders) {
    state = read_git_state(folder, request.stop);
    if (!state.commit.empty() || !state.note.empty()) break;
  }
  return state;
}

// Where the scripts stand in the list: "" or "src/".
std::string prefix_for(const SnapshotRequest& request, const std::string& config_name) {
  if (request.config_path.empty()) return {};
  std::error_code error;
  const fs::path parent = fs::path(request.config_path).parent_path();
  const fs::path scripts = fs::weakly_canonical(request.scripts, error);
  const fs::path relative =
      fs::relative(scripts, fs::weakly_canonical(parent.empty() ? "." : parent, error), error);
  if (!error && relative == ".") return {};
  const bool below = !error && !relative.empty() && *relative.begin() != "..";
  std::string prefix = clean_utf8((below ? relative : scripts.filename()).generic_string());
  if (prefix.empty() || prefix == "/" || prefix == config_name) prefix = "scripts";
  return prefix + "/";
}

// Stores the files as blobs, some at a time: each waits for the disk, and a disk that is asked to
// sync many files at once does it together.
Status store_files(Workspace& workspace, const SnapshotRequest& request,
                   const std::vector<TreeFile>& files, std::vector<BlobRef>& blobs) {
  blobs.resize(files.size());
  std::vector<Status> outcomes(files.size());
  std::atomic<size_t> next{0};
  const auto work = [&] {
    BlobStore store(workspace);
    for (size_t i = next++; i < files.size(); i = next++) {
      if (request.cancel != nullptr && request.cancel->requested()) {
        outcomes[i] = fail(StatusCode::kCancelled, "stopped while keeping '{}'", request.scripts);
        return;
      }
      auto blob = files[i].mode == kLinkMode
                      ? store.put(files[i].link)
                      : store.put_file(request.scripts + "/" + files[i].path);
      if (blob) blobs[i] = std::move(*blob);
      if (!blob) outcomes[i] = tl::unexpected<Error>(std::move(blob.error()));
    }
  };
  std::vector<std::thread> threads;
  try {
    while (threads.size() + 1 < std::min(kStoreThreads, files.size())) threads.emplace_back(work);
  } catch (const std::system_error&) {
    // No more threads may be made: those that there are do the work.
  }
  work();
  for (std::thread& thread : threads) thread.join();
  for (Status& outcome : outcomes) {
    if (!outcome) return fail_with(std::move(outcome.error()), "scripts");
  }
  return {};
}

// Stores the scripts and lists them.
Status add_scripts(Workspace& workspace, const SnapshotRequest& request, SourceManifest& manifest) {
  ASSAY_ASSIGN_OR_RETURN(const WriterLease* writer, workspace.writer());
  TreeRequest wanted;
  wanted.folder = request.scripts;
  while (wanted.folder.size() > 1 && wanted.folder.back() == '/') wanted.folder.pop_back();
  wanted.workspace = workspace.path();
  wanted.empty_folder = writer->tmp_folder();
  wanted.max_bytes = request.max_bytes;
  wanted.max_files = request.max_files;
  wanted.stop = request.cancel;
  ASSAY_ASSIGN_OR_RETURN(SourceTree tree, read_source_tree(wanted));
  const std::string prefix = prefix_for(request, manifest.config_path);
  manifest.scripts = prefix;
  manifest.ignore = tree.ignore_kind;
  manifest.notes = std::move(tree.notes);
  // The config that the run was started from counts, not what the file has become since.
  std::erase_if(tree.files,
                [&](const TreeFile& file) { return prefix + file.path == manifest.config_path; });
  std::vector<BlobRef> blobs;
  ASSAY_RETURN_IF_ERROR(store_files(workspace, request, tree.files, blobs));
  for (size_t i = 0; i < blobs.size(); ++i) {
    const TreeFile& file = tree.files[i];
    manifest.files.push_back({prefix + file.path, file.mode, blobs[i].size, blobs[i].sha256});
  }
  return {};
}

}  // namespace

Result<Snapshot> take_snapshot(Workspace& workspace, const SnapshotRequest& request) {
  BlobStore blobs(workspace);
  SourceManifest manifest;
  manifest.command_line = request.command_line;
  // Only the file's name: where the folder lies is nobody's business, and it moves.
  manifest.config_path = clean_utf8(fs::path(request.config_path).filename().string());
  if (!manifest.config_path.empty()) {
    ASSAY_ASSIGN_OR_RETURN(const BlobRef blob, blobs.put(request.config_text));
    manifest.files.push_back({manifest.config_path, kPlainMode, blob.size, blob.sha256});
  }
  if (!request.scripts.empty()) {
    ASSAY_RETURN_IF_ERROR(add_scripts(workspace, request, manifest));
  }
  const GitState git = git_state_for(request);
  manifest.git_commit = git.commit;
  manifest.git_branch = git.branch;
  manifest.git_dirty = git.dirty;
  if (!git.diff.empty()) {
    ASSAY_ASSIGN_OR_RETURN(const BlobRef blob, blobs.put(git.diff));
    manifest.git_diff_sha256 = blob.sha256;
  }
  ASSAY_ASSIGN_OR_RETURN(const BlobRef stored, blobs.put(to_json(manifest)));
  Snapshot snapshot;
  SourceInfo& source = snapshot.source;
  source.manifest_sha256 = stored.sha256;
  source.files = std::move(manifest.files);
  source.config = request.config_text;
  source.config_path = manifest.config_path;
  source.git_commit = git.commit;
  source.git_branch = git.branch;
  source.git_dirty = git.dirty;
  source.git_diff_sha256 = manifest.git_diff_sha256;
  source.git_note = git.note;
  snapshot.notes = std::move(manifest.notes);
  return snapshot;
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

Result<SourceManifest> read_manifest(Workspace& workspace, const RunRecord& record) {
  const std::string& run = record.info.run_id;
  if (!record.source || record.source->manifest_sha256.empty()) {
    return fail(StatusCode::kNotFound, "run {} has no snapshot of its source", run);
  }
  const std::string& hash = record.source->manifest_sha256;
  auto text = BlobStore(workspace).read(hash, kManifestLimitBytes);
  if (!text) return fail_with(std::move(text.error()), fmt::format("source of run {}", run));
  return parse_manifest(*text, fmt::format("source of run {} (blob {})", run, hash));
}

}  // namespace assay::tracking
