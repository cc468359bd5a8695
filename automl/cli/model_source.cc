#include "automl/cli/model_source.h"

#include <filesystem>

#include "kernels/base/file_layer.h"
#include "tracking/model_registry.h"

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

}  // namespace assay::automl::cli
