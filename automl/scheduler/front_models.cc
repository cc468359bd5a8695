#include "automl/scheduler/front_models.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "automl/models/model_file.h"
#include "automl/preprocess/input_contract.h"
#include "automl/preprocess/predictor.h"
#include "tracking/blob_store.h"

namespace assay::automl {
namespace {

constexpr std::string_view kBegin = "front/trial-";
constexpr std::string_view kEnd = ".assay";
constexpr int64_t kLimitBytes = int64_t{1} << 30;

std::optional<double> number_of(const Predictor& predictor, const char* key) {
  const auto note = predictor.notes().find(key);
  if (note == predictor.notes().end()) return std::nullopt;
  const auto* number = std::get_if<double>(&note->second);
  return number == nullptr ? std::nullopt : std::optional(*number);
}

std::string text_of(const Predictor& predictor, const char* key) {
  const auto note = predictor.notes().find(key);
  if (note == predictor.notes().end()) return {};
  const auto* text = std::get_if<std::string>(&note->second);
  return text == nullptr ? std::string() : *text;
}

tl::unexpected<Error> no_model(const tracking::RunRecord& sweep, int64_t trial) {
  const std::vector<int64_t> kept = front_model_trials(sweep);
  return fail(
      StatusCode::kNotFound,
      "run {} has no model of trial {}: {}. What else is on the way to a model is in its record: "
      "the trial's learner and parameters, which a config with that one setting trains again",
      sweep.info.run_id, trial,
      kept.empty()
          ? std::string("it keeps none beside the registered one")
          : fmt::format("beside the registered one a run keeps those that no other model is "
                        "both faster and better than, here of trials {}",
                        fmt::join(kept, ", ")));
}

}  // namespace

std::string front_model_path(int64_t trial) { return fmt::format("{}{}{}", kBegin, trial, kEnd); }

std::optional<int64_t> front_model_trial(std::string_view path) {
  if (!path.starts_with(kBegin) || !path.ends_with(kEnd)) return std::nullopt;
  path.remove_prefix(kBegin.size());
  if (path.size() <= kEnd.size()) return std::nullopt;
  path.remove_suffix(kEnd.size());
  int64_t trial = 0;
  const auto read = std::from_chars(path.data(), path.data() + path.size(), trial);
  const bool whole = read.ec == std::errc() && read.ptr == path.data() + path.size();
  return whole && trial >= 0 ? std::optional(trial) : std::nullopt;
}

std::vector<int64_t> front_model_trials(const tracking::RunRecord& sweep) {
  std::vector<int64_t> trials;
  for (const auto& artifact : sweep.artifacts) {
    if (const auto trial = front_model_trial(artifact.path)) trials.push_back(*trial);
  }
  std::sort(trials.begin(), trials.end());
  return trials;
}

Result<FrontModel> load_front_model(tracking::Workspace& workspace,
                                    const tracking::RunRecord& sweep, int64_t trial) {
  const std::string path = front_model_path(trial);
  const auto artifact = std::find_if(sweep.artifacts.begin(), sweep.artifacts.end(),
                                     [&](const auto& each) { return each.path == path; });
  if (artifact == sweep.artifacts.end()) return no_model(sweep, trial);
  FrontModel found;
  tracking::BlobStore blobs(workspace);
  ASSAY_ASSIGN_OR_RETURN(found.bytes, blobs.read(artifact->sha256, kLimitBytes));
  ASSAY_ASSIGN_OR_RETURN(
      const Predictor predictor,
      Predictor::from_bytes(found.bytes, fmt::format("{} of run {}", path, sweep.info.run_id)));
  tracking::ModelVersion& version = found.version;
  version.format_version = kModelFormat;
  version.task = std::string(name_of(predictor.task()));
  version.metric = text_of(predictor, "metric");
  version.score = number_of(predictor, "validation_score");
  version.run_id = sweep.info.run_id;
  version.tags["trial"] = fmt::format("{}", trial);
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
