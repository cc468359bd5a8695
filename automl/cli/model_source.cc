#include "automl/cli/model_source.h"

#include <filesystem>

#include "kernels/base/file_layer.h"

namespace assay::automl::cli {
namespace {

constexpr int64_t kMaxModelBytes = int64_t{64} << 30;

}  // namespace

Result<NamedModel> load_named_model(const Invocation& invocation, const std::string& reference) {
  std::error_code error;
  if (std::filesystem::is_regular_file(reference, error)) {
    PosixFileLayer files;
    ASSAY_ASSIGN_OR_RETURN(auto bytes, read_file(files, reference, kMaxModelBytes));
    ASSAY_ASSIGN_OR_RETURN(auto predictor, Predictor::from_bytes(std::move(bytes), reference));
    return NamedModel{std::move(predictor), reference, 0};
  }
  if (reference.find('/') != std::string::npos) {
    return fail(StatusCode::kNotFound, "no model file '{}'", reference);
  }
  ASSAY_ASSIGN_OR_RETURN(auto workspace, open_workspace(invocation, false));
  tracking::ModelRegistry registry(std::move(workspace));
  ASSAY_ASSIGN_OR_RETURN(const auto model, registry.resolve(reference));
  ASSAY_ASSIGN_OR_RETURN(auto bytes, registry.read_model(model));
  ASSAY_ASSIGN_OR_RETURN(
      auto predictor,
      Predictor::from_bytes(std::move(bytes), fmt::format("{}:{}", model.name, model.version)));
  return NamedModel{std::move(predictor), model.name, model.version};
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
