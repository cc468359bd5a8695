#include "automl/scheduler/run_models.h"

#include <algorithm>
#include <optional>
#include <variant>

#include "automl/models/model_file.h"
#include "automl/preprocess/input_contract.h"
#include "automl/preprocess/predictor.h"
#include "tracking/blob_store.h"

namespace assay::automl {
namespace {

constexpr int64_t kLimitBytes = int64_t{64} << 30;

template <class T>
std::optional<T> note_of(const Predictor& predictor, const char* key) {
  const auto note = predictor.notes().find(key);
  if (note == predictor.notes().end()) return std::nullopt;
  const T* value = std::get_if<T>(&note->second);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

}  // namespace

Result<RunModel> load_run_model(tracking::Workspace& workspace, const tracking::RunRecord& sweep,
                                const std::string& path) {
  const auto artifact = std::find_if(sweep.artifacts.begin(), sweep.artifacts.end(),
                                     [&](const auto& each) { return each.path == path; });
  if (artifact == sweep.artifacts.end()) {
    return fail(StatusCode::kNotFound, "run {} has no {}", sweep.info.run_id, path);
  }
  RunModel found;
  tracking::BlobStore blobs(workspace);
  ASSAY_ASSIGN_OR_RETURN(found.bytes, blobs.read(artifact->sha256, kLimitBytes));
  ASSAY_ASSIGN_OR_RETURN(
      const Predictor predictor,
      Predictor::from_bytes(found.bytes, fmt::format("{} of run {}", path, sweep.info.run_id)));
  tracking::ModelVersion& version = found.version;
  version.format_version = kModelFormat;
  version.task = std::string(name_of(predictor.task()));
  version.metric = note_of<std::string>(predictor, "metric").value_or("");
  version.score = note_of<double>(predictor, "validation_score");
  version.run_id = sweep.info.run_id;
  version.sha256 = artifact->sha256;
  if (!sweep.datasets.empty()) {
    version.dataset_name = sweep.datasets.front().name;
    version.dataset_version = sweep.datasets.front().version;
    version.dataset_hash = sweep.datasets.front().content_hash;
  }
  if (sweep.source) version.code_commit = sweep.source->git_commit;
  version.input_contract = input_contract_json(predictor);
  return found;
}

}  // namespace assay::automl
