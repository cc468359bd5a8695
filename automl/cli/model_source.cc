#include "automl/cli/model_source.h"

#include <filesystem>

#include "automl/cli/output.h"
#include "kernels/base/file_layer.h"
#include "tracking/blob_store.h"

namespace assay::automl::cli {
namespace {

constexpr int64_t kMaxModelBytes = int64_t{64} << 30;

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

}  // namespace

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
  if (!is_file) return registered;
  if (registered) {
    print_note(invocation,
               fmt::format("'{}' is the registered model {}:{}; for the file of that name say "
                           "'./{}'",
                           reference, registered->name, registered->version, reference));
    return registered;
  }
  const StatusCode code = registered.error().code;
  const bool unknown = code == StatusCode::kNotFound || code == StatusCode::kInvalidArgument;
  return unknown ? load_model_file(reference) : std::move(registered);
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
