#include "automl/scheduler/front_models.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace assay::automl {
namespace {

constexpr std::string_view kBegin = "front/trial-";
constexpr std::string_view kEnd = ".assay";

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

Result<RunModel> load_front_model(tracking::Workspace& workspace, const tracking::RunRecord& sweep,
                                  int64_t trial) {
  const std::vector<int64_t> kept = front_model_trials(sweep);
  if (std::find(kept.begin(), kept.end(), trial) == kept.end()) return no_model(sweep, trial);
  ASSAY_ASSIGN_OR_RETURN(RunModel found, load_run_model(workspace, sweep, front_model_path(trial)));
  found.version.tags["trial"] = fmt::format("{}", trial);
  return found;
}

}  // namespace assay::automl
