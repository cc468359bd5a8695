#include "automl/cli/model_source.h"

#include <filesystem>

#include "automl/cli/output.h"
#include "automl/scheduler/best_model.h"
#include "kernels/base/file_layer.h"
#include "tracking/blob_store.h"
#include "tracking/run_query.h"

namespace assay::automl::cli {
namespace {

constexpr int64_t kMaxModelBytes = int64_t{64} << 30;

// Of a name: that no model has it, or none may have it.
bool is_unknown(const Error& error) {
  return error.code == StatusCode::kNotFound || error.code == StatusCode::kInvalidArgument;
}

Result<NamedModel> load_registered(Invocation& invocation, const std::string& reference) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  tracking::ModelRegistry registry(workspace);
  ASSAY_ASSIGN_OR_RETURN(const auto model, registry.resolve(reference));
  tell_damage(invocation, model.damage);
  ASSAY_ASSIGN_OR_RETURN(auto bytes, registry.read_model(model));
  ASSAY_ASSIGN_OR_RETURN(const std::string blob,
                         tracking::BlobStore(*workspace).path_of(model.sha256));
  ASSAY_ASSIGN_OR_RETURN(
      auto predictor,
      Predictor::from_bytes(std::move(bytes), fmt::format("{}:{}", model.name, model.version)));
  return NamedModel{std::move(predictor), model.name, model.version,
                    (std::filesystem::path(workspace->path()) / blob).string()};
}

// What is left of a sweep that did not come to its end.
Result<NamedModel> load_of_run(Invocation& invocation, tracking::Workspace& workspace,
                               const std::string& run_id) {
  ASSAY_ASSIGN_OR_RETURN(const tracking::RunRecord sweep, load_sweep(workspace, run_id, false));
  ASSAY_ASSIGN_OR_RETURN(RunModel found, load_best_model(workspace, sweep));
  const std::string& id = sweep.info.run_id;
  const auto row = best_model_of(sweep);
  print_note(invocation, fmt::format("the best model of run {} ({}){}", id,
                                     tracking::name_of(sweep.info.status),
                                     row ? ": " + row->text() : std::string()));
  ASSAY_ASSIGN_OR_RETURN(const std::string blob,
                         tracking::BlobStore(workspace).path_of(found.version.sha256));
  const std::string name = "run " + id;
  ASSAY_ASSIGN_OR_RETURN(auto predictor, Predictor::from_bytes(std::move(found.bytes), name));
  return NamedModel{std::move(predictor), name, 0,
                    (std::filesystem::path(workspace.path()) / blob).string()};
}

}  // namespace

Result<tracking::RunRecord> load_sweep(tracking::Workspace& workspace, const std::string& reference,
                                       bool of_trial) {
  ASSAY_ASSIGN_OR_RETURN(tracking::RunInfo info, tracking::find_run(workspace, reference));
  if (info.kind == "trial" && !of_trial) {
    return fail(StatusCode::kInvalidArgument,
                "run {} is a trial of run {} (must be a sweep: its best model is meant, and "
                "assay models register {} --trial N takes that of a trial)",
                info.run_id, info.parent_run_id, info.parent_run_id);
  }
  if (info.kind == "trial") {
    ASSAY_ASSIGN_OR_RETURN(info, tracking::find_run(workspace, info.parent_run_id));
  }
  if (info.kind != "sweep") {
    return fail(StatusCode::kInvalidArgument,
                "run {} is a {} (must be a sweep, as assay run makes)", info.run_id, info.kind);
  }
  return tracking::load_run(workspace, info.run_id);
}

Result<NamedModel> load_model_file(const std::string& path) {
  PosixFileLayer files;
  ASSAY_ASSIGN_OR_RETURN(auto bytes, read_file(files, path, kMaxModelBytes));
  ASSAY_ASSIGN_OR_RETURN(auto predictor, Predictor::from_bytes(std::move(bytes), path));
  return NamedModel{std::move(predictor), path, 0, path};
}

Result<NamedModel> load_named_model(Invocation& invocation, const std::string& reference) {
  std::error_code error;
  const bool is_file = std::filesystem::is_regular_file(reference, error);
  if (reference.find('/') != std::string::npos) {
    if (is_file) return load_model_file(reference);
    return fail(StatusCode::kNotFound, "no model file '{}'", reference);
  }
  auto registered = load_registered(invocation, reference);
  if (!is_file) {
    if (registered || !is_unknown(registered.error())) return registered;
    auto workspace = open_workspace(invocation, false);
    if (!workspace) return registered;
    const auto run = tracking::find_run(**workspace, reference);
    return run ? load_of_run(invocation, **workspace, run->run_id) : std::move(registered);
  }
  if (registered) {
    print_note(invocation,
               fmt::format("'{}' is the registered model {}:{}; for the file of that name say "
                           "'./{}'",
                           reference, registered->name, registered->version, reference));
    return registered;
  }
  return is_unknown(registered.error()) ? load_model_file(reference) : std::move(registered);
}

void tell_damage(Invocation& invocation, std::span<const std::string> damaged) {
  print_damage(invocation, damaged);
  if (damaged.empty()) return;
  print_note(invocation,
             "what that says of its model is left out; `assay fsck --quarantine` puts it away");
}

void tell_problems(Invocation& invocation, const tracking::ReadProblems& problems) {
  tell_damage(invocation, problems.damaged);
  print_unreadable(invocation, problems.unreadable);
}

Result<tracking::ModelRegistry> open_registry(const Invocation& invocation, bool create) {
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, create));
  return tracking::ModelRegistry(std::move(workspace));
}

Result<std::map<std::string, std::string>> parse_tags(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> tags;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(StatusCode::kInvalidArgument, "tag '{}' (must be KEY=VALUE)", text);
    }
    tags[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return tags;
}

}  // namespace assay::automl::cli
