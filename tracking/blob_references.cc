#include "tracking/blob_references.h"

#include "tracking/model_registry.h"
#include "tracking/run_file.h"
#include "tracking/run_query.h"
#include "tracking/run_trash.h"

namespace assay::tracking {
namespace {

Status add_run_file(FileLayer& files, const std::string& path, BlobReferences& references) {
  const auto run = read_run(files, path);
  if (run) {
    add_references(*run, references);
    return {};
  }
  // Deleted or restored meanwhile: whoever did it names the same blobs elsewhere.
  if (run.error().code == StatusCode::kNotFound) return {};
  return tl::unexpected<Error>(run.error());
}

Status add_folder(FileLayer& files, const std::string& folder, const std::set<std::string>& gone,
                  BlobReferences& references) {
  const auto entries = files.scan(folder);
  if (!entries && entries.error().code == StatusCode::kNotFound) return {};
  if (!entries) return tl::unexpected<Error>(entries.error());
  for (const FolderEntry& entry : *entries) {
    const std::string path = folder + "/" + entry.name;
    if (entry.info.folder) {
      ASSAY_RETURN_IF_ERROR(add_folder(files, path, gone, references));
    } else if (entry.name.ends_with(".h5") && !gone.contains(path)) {
      ASSAY_RETURN_IF_ERROR(add_run_file(files, path, references));
    }
  }
  return {};
}

Status add_journals(Workspace& workspace, BlobReferences& references) {
  ASSAY_ASSIGN_OR_RETURN(const JournalView journals, JournalView::read(workspace));
  for (const std::string& damaged : journals.damaged()) {
    return fail(StatusCode::kData, "{}", damaged);
  }
  for (const auto& [run_id, found] : journals.runs()) {
    ASSAY_ASSIGN_OR_RETURN(const RunRecord record, journaled_run(workspace, run_id, found));
    add_references(record, references);
  }
  return {};
}

}  // namespace

void add_references(const RunRecord& run, BlobReferences& references) {
  const std::string who = "run " + run.info.run_id;
  const auto add = [&](const std::string& sha256) {
    if (!sha256.empty()) references.try_emplace(sha256, who);
  };
  for (const Artifact& artifact : run.artifacts) add(artifact.sha256);
  for (const ModelUse& model : run.models) add(model.sha256);
  if (!run.source) return;
  add(run.source->manifest_sha256);
  add(run.source->git_diff_sha256);
  for (const SourceFile& file : run.source->files) add(file.sha256);
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

Result<BlobReferences> find_references(Workspace& workspace, const std::set<std::string>& gone) {
  BlobReferences references;
  FileLayer& files = workspace.files();
  // Journals first: a run that is published meanwhile is then found in its file.
  ASSAY_RETURN_IF_ERROR(add_journals(workspace, references));
  ASSAY_RETURN_IF_ERROR(add_folder(files, workspace.path() + "/runs", gone, references));
  ASSAY_RETURN_IF_ERROR(
      add_folder(files, workspace.path() + "/" + std::string(kRunTrash), gone, references));
  ModelRegistry registry(std::shared_ptr<Workspace>(std::shared_ptr<void>(), &workspace));
  ASSAY_ASSIGN_OR_RETURN(const std::vector<std::string> models, registry.blobs_needed());
  for (const std::string& sha256 : models) references.try_emplace(sha256, "a registered model");
  return references;
}

}  // namespace assay::tracking
