#include "tests/tracking/crash/store_check.h"

#include <algorithm>
#include <filesystem>

#include "kernels/base/hash.h"
#include "tests/tracking/crash/run_script.h"
#include "tests/tracking/test_folder.h"
#include "tracking/blob_store.h"
#include "tracking/model_registry.h"
#include "tracking/run_query.h"
#include "tracking/writer_lease.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

void check_run(Workspace& workspace, const RunInfo& listed, Writers writers, Problems& problems) {
  const auto record = load_run(workspace, listed.run_id);
  if (!record) {
    problems.push_back(
        fmt::format("run {} cannot be read: {}", listed.run_id, record.error().message));
    return;
  }
  const RunInfo& info = record->info;
  const RunScript script(info.name);
  if (std::string differs = script.difference(*record); !differs.empty()) {
    problems.push_back(fmt::format("run {} ({}) {}", info.run_id, info.name, differs));
  }
  const bool ended = info.status == script.final_status() && info.finished &&
                     info.message == script.final_message();
  const bool open = info.status == RunStatus::kInterrupted ||
                    (info.status == RunStatus::kRunning && writers == Writers::kMayLive);
  if (!ended && !open) {
    problems.push_back(fmt::format("run {} has status {} (finished: {}, message '{}')", info.run_id,
                                   name_of(info.status), info.finished, info.message));
  }
  BlobStore blobs(workspace);
  for (const Artifact& artifact : record->artifacts) {
    if (const Status status = blobs.verify(artifact.sha256); !status) {
      problems.push_back(fmt::format("artifact {} of run {}: {}", artifact.path, info.run_id,
                                     status.error().message));
    }
  }
}

void check_runs(Workspace& workspace, Writers writers, Problems& problems) {
  const auto list = list_runs(workspace);
  if (!list) {
    problems.push_back("runs cannot be listed: " + list.error().message);
    return;
  }
  for (const std::string& damaged : list->damaged) problems.push_back("damaged: " + damaged);
  for (const RunInfo& info : list->runs) check_run(workspace, info, writers, problems);
}

void check_blobs(Workspace& workspace, Problems& problems) {
  const std::string root = workspace.path() + "/blobs";
  if (!fs::exists(root)) return;
  for (const std::string& path : files_below(root)) {
    const std::string text = slurp(root + "/" + path);
    const std::string hash = sha256_hex(std::as_bytes(std::span(text)));
    if (fs::path(path).filename() != hash) {
      problems.push_back(
          fmt::format("blob {} has {} bytes that hash to {}", path, text.size(), hash));
    }
  }
}

void check_models(const std::shared_ptr<Workspace>& workspace, Problems& problems) {
  ModelRegistry registry(workspace);
  const auto models = registry.list_models();
  if (!models) {
    problems.push_back("models cannot be listed: " + models.error().message);
    return;
  }
  for (const ModelVersion& model : *models) {
    const auto versions = registry.list_versions(model.name);
    if (!versions) {
      problems.push_back("versions cannot be listed: " + versions.error().message);
      continue;
    }
    for (const ModelVersion& version : *versions) {
      if (const auto bytes = registry.read_model(version); !bytes) {
        problems.push_back(bytes.error().message);
      }
    }
  }
}

void check_kept_run(Workspace& workspace, const std::string& run_id, const Ledger::RunState& state,
                    Problems& problems) {
  const auto record = load_run(workspace, run_id);
  if (!record) {
    problems.push_back(fmt::format("run {} with {} acknowledged changes is lost: {}", run_id,
                                   state.changes, record.error().message));
    return;
  }
  const RunScript script(record->info.name);
  const int64_t length = script.length_of(*record);
  if (length < state.changes) {
    problems.push_back(fmt::format("run {} lost changes: {} of {} acknowledged ones are there",
                                   run_id, length, state.changes));
  }
  if (state.finished && record->info.status != script.final_status()) {
    problems.push_back(fmt::format("run {} was acknowledged as finished and is {}", run_id,
                                   name_of(record->info.status)));
  }
}

}  // namespace

Problems check_whole(Workspace& workspace, Writers writers) {
  Problems problems;
  check_runs(workspace, writers, problems);
  check_blobs(workspace, problems);
  return problems;
}

Problems check_kept(const std::shared_ptr<Workspace>& workspace, const Ledger& ledger) {
  Problems problems = ledger.conflicts;
  check_models(workspace, problems);
  for (const auto& [run_id, state] : ledger.runs) {
    check_kept_run(*workspace, run_id, state, problems);
  }
  BlobStore blobs(*workspace);
  for (const std::string& hash : ledger.blobs) {
    if (const Status status = blobs.verify(hash); !status) {
      problems.push_back("acknowledged " + status.error().message);
    }
  }
  ModelRegistry registry(workspace);
  for (const auto& [key, hash] : ledger.models) {
    const auto model = registry.resolve(fmt::format("{}:{}", key.first, key.second));
    if (!model || model->sha256 != hash) {
      problems.push_back(fmt::format("model {}:{} is lost: {}", key.first, key.second,
                                     model ? "it has other bytes" : model.error().message));
    }
  }
  for (const std::string& reference : ledger.removed_aliases) {
    const auto model = registry.resolve(reference);
    if (model || model.error().code != StatusCode::kNotFound) {
      problems.push_back(fmt::format(
          "alias {} was removed: {}", reference,
          model ? fmt::format("it points at {}", model->version) : model.error().message));
    }
  }
  for (const auto& [reference, version] : ledger.aliases) {
    const auto model = registry.resolve(reference);
    if (!model || model->version < version) {
      problems.push_back(
          fmt::format("alias {} does not point at version {}: {}", reference, version,
                      model ? fmt::format("but at {}", model->version) : model.error().message));
    }
  }
  return problems;
}

Problems check_writers(const std::string& path) {
  Problems problems;
  PosixFileLayer files;
  const auto folders = writer_folders(files, path);
  if (!folders) return {"writers cannot be listed: " + folders.error().message};
  for (const WriterFolder& folder : *folders) {
    if (folder.taken || writer_liveness(files, path, folder.writer_id) == Liveness::kDead) {
      problems.push_back("a dead writer's folder is left: " + folder.path);
    }
  }
  return problems;
}

Status recover_store(const std::string& path, FileLayer* files) {
  ASSAY_ASSIGN_OR_RETURN(const auto workspace, Workspace::open(path, files));
  return workspace->recover();
}

Problems recover_and_check(const std::string& path, const Ledger& ledger) {
  auto workspace = Workspace::open(path);
  if (!workspace) {
    // Power may go before the workspace was made; then nothing can have been acknowledged.
    if (ledger.size() == 0) return {};
    return {"the workspace cannot be opened: " + workspace.error().message};
  }
  Problems problems = check_whole(**workspace, Writers::kAreDead);
  for (std::string& problem : problems) problem.insert(0, "before recovery: ");
  if (const Status status = recover_store(path); !status) {
    problems.push_back("recovery failed: " + status.error().message);
  }
  workspace = Workspace::open(path);
  if (!workspace) return {"the workspace cannot be opened: " + workspace.error().message};
  for (const auto& found :
       {check_whole(**workspace, Writers::kAreDead), check_kept(*workspace, ledger)}) {
    problems.insert(problems.end(), found.begin(), found.end());
  }
  return problems;
}

void age_leases(const std::string& workspace_path) {
  const std::string boot_id = this_process().boot_id;
  const std::string writers = workspace_path + "/writers";
  if (boot_id.empty() || !fs::exists(writers)) return;
  for (const std::string& path : files_below(writers)) {
    if (fs::path(path).filename() != "LEASE") continue;
    std::string text = slurp(writers + "/" + path);
    const size_t at = text.find(boot_id);
    if (at == std::string::npos) continue;
    text.replace(at, boot_id.size(), std::string(boot_id.size(), '0'));
    // A new file: the old one may be linked elsewhere.
    fs::remove(writers + "/" + path);
    spill(writers + "/" + path, text);
  }
}

}  // namespace assay::tracking
