#include "tests/tracking/crash/store_check.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>

#include "kernels/base/hash.h"
#include "tests/tracking/crash/run_script.h"
#include "tests/tracking/crash/workload.h"
#include "tests/tracking/test_folder.h"
#include "tracking/blob_store.h"
#include "tracking/catalog.h"
#include "tracking/model_registry.h"
#include "tracking/run_file.h"
#include "tracking/run_query.h"
#include "tracking/run_trash.h"
#include "tracking/writer_lease.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

void check_record(Workspace& workspace, const RunRecord& record, Writers writers,
                  Problems& problems) {
  const RunInfo& info = record.info;
  const RunScript script(info.name);
  if (std::string differs = script.difference(record); !differs.empty()) {
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
  for (const Artifact& artifact : record.artifacts) {
    if (const Status status = blobs.verify(artifact.sha256); !status) {
      problems.push_back(fmt::format("artifact {} of run {}: {}", artifact.path, info.run_id,
                                     status.error().message));
    }
  }
}

// What lists show is what run files say, whatever state the catalog was left in.
void check_list(Workspace& workspace, const std::vector<RunInfo>& listed, Problems& problems) {
  std::map<std::string, const RunInfo*> by_id;
  for (const RunInfo& info : listed) {
    if (!by_id.emplace(info.run_id, &info).second) {
      problems.push_back(fmt::format("run {} is listed twice", info.run_id));
    }
  }
  const std::string root = workspace.path() + "/runs";
  if (!fs::exists(root)) return;
  for (const std::string& path : files_below(root)) {
    const auto info = read_run_info(workspace.files(), root + "/" + path);
    if (!info) continue;  // told as damaged
    const auto it = by_id.find(info->run_id);
    const bool same = it != by_id.end() && it->second->created_ns == info->created_ns &&
                      it->second->name == info->name &&
                      (!info->finished ||
                       (it->second->status == info->status && it->second->score == info->score));
    if (!same) {
      problems.push_back(fmt::format("run {} is listed as it is not, or not at all", info->run_id));
    }
  }
  const auto check = Catalog(workspace).check();
  if (!check) {
    problems.push_back("the catalog cannot be checked: " + check.error().message);
    return;
  }
  for (const std::string& problem : check->problems) problems.push_back(problem);
}

void check_runs(Workspace& workspace, Writers writers, Problems& problems) {
  const auto list = list_runs(workspace);
  if (!list) {
    problems.push_back("runs cannot be listed: " + list.error().message);
    return;
  }
  for (const std::string& damaged : list->damaged) problems.push_back("damaged: " + damaged);
  for (const RunInfo& info : list->runs) {
    const auto record = load_run(workspace, info.run_id);
    if (record) {
      check_record(workspace, *record, writers, problems);
    } else {
      problems.push_back(
          fmt::format("run {} cannot be read: {}", info.run_id, record.error().message));
    }
  }
  check_list(workspace, list->runs, problems);
}

void check_trash(Workspace& workspace, Problems& problems) {
  std::vector<std::string> damaged;
  const auto deleted = deleted_runs(workspace, &damaged);
  if (!deleted) {
    problems.push_back("deleted runs cannot be listed: " + deleted.error().message);
    return;
  }
  for (const std::string& message : damaged) problems.push_back("in the trash: " + message);
  for (const DeletedRun& run : *deleted) {
    const auto record = read_run(workspace.files(), run.path);
    if (record) {
      check_record(workspace, *record, Writers::kMayLive, problems);
    } else {
      problems.push_back("in the trash: " + record.error().message);
    }
  }
}

void check_blobs(Workspace& workspace, Problems& problems) {
  const std::string root = workspace.path() + "/blobs";
  if (!fs::exists(root)) return;
  for (const std::string& path : files_below(root)) {
    const std::string text = slurp(root + "/" + path);
    if (text == kDamagedBytes) continue;  // on its way to quarantine
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

// The record of a run in the trash.
Result<RunRecord> load_deleted(Workspace& workspace, const std::string& run_id) {
  ASSAY_ASSIGN_OR_RETURN(const auto deleted, deleted_runs(workspace));
  for (const DeletedRun& run : deleted) {
    if (run.info.run_id == run_id) return read_run(workspace.files(), run.path);
  }
  return fail(StatusCode::kNotFound, "it is not in the trash");
}

// Where it is to be found; nothing if it may be gone and is.
std::optional<Result<RunRecord>> find_kept(Workspace& workspace, const std::string& run_id,
                                           const Ledger::Moved& moved, Problems& problems) {
  auto listed = load_run(workspace, run_id);
  if (moved.place == Ledger::Place::kListed) return listed;
  auto deleted = load_deleted(workspace, run_id);
  if (listed && moved.place == Ledger::Place::kTrashed) {
    problems.push_back(fmt::format("run {} was deleted and is listed", run_id));
  }
  if (listed && deleted) problems.push_back(fmt::format("run {} is in two places", run_id));
  if (listed) return listed;
  if (deleted || !moved.may_be_gone) return deleted;
  return std::nullopt;
}

void check_kept_run(Workspace& workspace, const std::string& run_id, const Ledger::RunState& state,
                    const Ledger::Moved& moved, Problems& problems) {
  const auto record = find_kept(workspace, run_id, moved, problems);
  if (!record) return;
  if (!*record) {
    problems.push_back(fmt::format("run {} with {} acknowledged changes is lost: {}", run_id,
                                   state.changes, record->error().message));
    return;
  }
  const RunInfo& info = (*record)->info;
  const RunScript script(info.name);
  const int64_t length = script.length_of(**record);
  if (length < state.changes) {
    problems.push_back(fmt::format("run {} lost changes: {} of {} acknowledged ones are there",
                                   run_id, length, state.changes));
  }
  if (state.finished && info.status != script.final_status()) {
    problems.push_back(
        fmt::format("run {} was acknowledged as finished and is {}", run_id, name_of(info.status)));
  }
  const auto mark = (*record)->tags.find(kMarkTag);
  const int64_t* number =
      mark == (*record)->tags.end() ? nullptr : std::get_if<int64_t>(&mark->second.data());
  if (state.mark > 0 && (number == nullptr || *number < state.mark)) {
    problems.push_back(fmt::format("run {} lost its tag: {} and not {}", run_id,
                                   number == nullptr ? 0 : *number, state.mark));
  }
}

// Every version of the model by its number, those in the trash too.
std::map<int64_t, ModelVersion> versions_of(ModelRegistry& registry, const std::string& name,
                                            Problems& problems) {
  std::map<int64_t, ModelVersion> all;
  for (const auto& versions : {registry.list_versions(name), registry.list_deleted(name)}) {
    // All of them may be in the trash.
    if (!versions && versions.error().code == StatusCode::kNotFound) continue;
    if (!versions) {
      problems.push_back(
          fmt::format("versions of {} cannot be listed: {}", name, versions.error().message));
      continue;
    }
    for (const ModelVersion& version : *versions) {
      if (!all.emplace(version.version, version).second) {
        problems.push_back(fmt::format("model {}:{} is in two places", name, version.version));
      }
    }
  }
  return all;
}

void check_kept_models(ModelRegistry& registry, const Ledger& ledger, Problems& problems) {
  std::map<std::string, std::map<int64_t, ModelVersion>> known;
  for (const auto& [key, hash] : ledger.models) {
    const auto [it, fresh] = known.try_emplace(key.first);
    if (fresh) it->second = versions_of(registry, key.first, problems);
    const std::string name = fmt::format("{}:{}", key.first, key.second);
    const Ledger::Moved moved = ledger.place_of(name);
    const auto version = it->second.find(key.second);
    if (version == it->second.end()) {
      if (!moved.may_be_gone) problems.push_back(fmt::format("model {} is lost", name));
      continue;
    }
    const ModelVersion& model = version->second;
    if (model.sha256 != hash) problems.push_back(fmt::format("model {} has other bytes", name));
    const bool right = moved.place == Ledger::Place::kMoving ||
                       (moved.place == Ledger::Place::kTrashed) == (model.deleted_ns != 0);
    if (!right) problems.push_back(fmt::format("model {} is not where it was put", name));
    if (const auto bytes = registry.read_model(model); !bytes) {
      problems.push_back(bytes.error().message);
    }
    if (!ledger.promoted.contains(key) || model.deleted_ns != 0) continue;
    if (model.stage != kProduction && model.stage != "archived") {
      problems.push_back(fmt::format("model {} was promoted and is '{}'", name, model.stage));
    }
  }
}

// Promotion is one event: the stage and the alias of one version, and the others are archived.
void check_promotion(ModelRegistry& registry, Problems& problems) {
  const auto models = registry.list_models();
  if (!models) return;  // told already
  for (const ModelVersion& model : *models) {
    const auto versions = registry.list_versions(model.name);
    if (!versions) continue;
    for (const ModelVersion& version : *versions) {
      const auto& aliases = version.aliases;
      const bool champion =
          std::find(aliases.begin(), aliases.end(), kPromotedAlias) != aliases.end();
      if (champion == (version.stage == kProduction)) continue;
      problems.push_back(fmt::format("model {}:{} is half promoted: stage '{}'", version.name,
                                     version.version, version.stage));
    }
  }
}

}  // namespace

Problems check_whole(Workspace& workspace, Writers writers) {
  Problems problems;
  check_runs(workspace, writers, problems);
  check_trash(workspace, problems);
  check_blobs(workspace, problems);
  return problems;
}

Problems check_kept(const std::shared_ptr<Workspace>& workspace, const Ledger& ledger) {
  Problems problems = ledger.conflicts;
  check_models(workspace, problems);
  for (const auto& [run_id, state] : ledger.runs) {
    check_kept_run(*workspace, run_id, state, ledger.place_of(run_id), problems);
  }
  BlobStore blobs(*workspace);
  for (const std::string& hash : ledger.blobs) {
    if (const Status status = blobs.verify(hash); !status) {
      problems.push_back("acknowledged " + status.error().message);
    }
  }
  ModelRegistry registry(workspace);
  check_kept_models(registry, ledger, problems);
  check_promotion(registry, problems);
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
