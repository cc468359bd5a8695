#include "automl/scheduler/front_models.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace assay::automl {
namespace {

constexpr std::string_view kTrialBegin = "front/trial-";
constexpr std::string_view kEnsembleBegin = "front/ensemble-";
constexpr std::string_view kEnd = ".assay";

// "trial 12", "an ensemble of 3".
std::string front_name(const FrontKey& key) {
  return key.trial >= 0 ? fmt::format("trial {}", key.trial)
                        : fmt::format("an ensemble of {}", key.members);
}

tl::unexpected<Error> no_model(const tracking::RunRecord& sweep, const FrontKey& key) {
  std::vector<std::string> kept;
  for (const FrontKey& each : front_models(sweep)) kept.push_back(front_name(each));
  return fail(
      StatusCode::kNotFound,
      "run {} has no model of {}: {}. What else is on the way to a model is in its record: "
      "the trial's learner and parameters, which a config with that one setting trains again",
      sweep.info.run_id, front_name(key),
      kept.empty() ? std::string("it keeps none beside the registered one")
                   : fmt::format("beside the registered one a run keeps those that no other model "
                                 "is both faster and better than, here {}",
                                 fmt::join(kept, ", ")));
}

}  // namespace

std::string front_model_path(const FrontKey& key) {
  return key.trial >= 0 ? fmt::format("{}{}{}", kTrialBegin, key.trial, kEnd)
                        : fmt::format("{}{}{}", kEnsembleBegin, key.members, kEnd);
}

std::optional<FrontKey> front_model_key(std::string_view path) {
  const bool of_trial = path.starts_with(kTrialBegin);
  if (!(of_trial || path.starts_with(kEnsembleBegin)) || !path.ends_with(kEnd)) return std::nullopt;
  path.remove_prefix((of_trial ? kTrialBegin : kEnsembleBegin).size());
  if (path.size() <= kEnd.size()) return std::nullopt;
  path.remove_suffix(kEnd.size());
  int64_t number = 0;
  const auto read = std::from_chars(path.data(), path.data() + path.size(), number);
  const bool whole = read.ec == std::errc() && read.ptr == path.data() + path.size();
  if (!whole || number < 0) return std::nullopt;
  return of_trial ? FrontKey{number, 1} : FrontKey{-1, number};
}

std::vector<FrontKey> front_models(const tracking::RunRecord& sweep) {
  std::vector<FrontKey> keys;
  for (const auto& artifact : sweep.artifacts) {
    if (const auto key = front_model_key(artifact.path)) keys.push_back(*key);
  }
  std::sort(keys.begin(), keys.end(), [](const FrontKey& a, const FrontKey& b) {
    if ((a.trial < 0) != (b.trial < 0)) return b.trial < 0;
    return a.trial < 0 ? a.members < b.members : a.trial < b.trial;
  });
  return keys;
}

Result<RunModel> load_front_model(tracking::Workspace& workspace, const tracking::RunRecord& sweep,
                                  const FrontKey& key) {
  const std::vector<FrontKey> kept = front_models(sweep);
  if (std::find(kept.begin(), kept.end(), key) == kept.end()) return no_model(sweep, key);
  ASSAY_ASSIGN_OR_RETURN(RunModel found, load_run_model(workspace, sweep, front_model_path(key)));
  found.version.tags[key.trial >= 0 ? "trial" : "members"] =
      fmt::format("{}", key.trial >= 0 ? key.trial : key.members);
  return found;
}

}  // namespace assay::automl
