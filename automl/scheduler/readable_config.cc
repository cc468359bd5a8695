#include "automl/scheduler/readable_config.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "automl/config/param_map.h"

namespace assay::automl {
namespace {

Status fix(LearnerChoice& choice, const ParamMap& params) {
  for (const auto& wanted : params) {
    const std::string& name = wanted.first;
    const ParamValue& value = wanted.second;
    const auto set = std::find_if(choice.params.begin(), choice.params.end(),
                                  [&](const ParamOverride& param) { return param.name == name; });
    if (set == choice.params.end()) {
      choice.params.push_back({name, value});
      continue;
    }
    const auto* fixed = std::get_if<ParamValue>(&set->setting);
    if (fixed != nullptr && *fixed == value) continue;
    return fail(StatusCode::kConfig,
                "learners.{}.{}: constraints.interpretable wants {} (or leave it out)", choice.name,
                name, to_text(value));
  }
  return {};
}

}  // namespace

Status make_readable(ExperimentConfig& config, std::span<const Learner* const> learners) {
  if (learners.empty()) learners = learner_list();
  std::vector<LearnerChoice> readable;
  std::vector<std::string_view> names;
  for (const Learner* learner : learners) {
    const auto params = learner->readable_params();
    if (!params) continue;
    names.push_back(learner->name());
    const auto given = std::find_if(config.learners.begin(), config.learners.end(),
                                    [&](const auto& each) { return each.name == learner->name(); });
    if (given == config.learners.end() && !config.learners.empty()) continue;
    readable.push_back(
        given == config.learners.end() ? LearnerChoice{std::string(learner->name()), {}} : *given);
    ASSAY_RETURN_IF_ERROR(fix(readable.back(), *params));
  }
  for (const LearnerChoice& choice : config.learners) {
    if (std::find(names.begin(), names.end(), choice.name) != names.end()) continue;
    return fail(StatusCode::kConfig,
                "constraints.interpretable: learner '{}' makes no model that a person can read "
                "(these do: {})",
                choice.name, fmt::join(names, ", "));
  }
  if (readable.empty()) {
    return fail(StatusCode::kConfig,
                "constraints.interpretable: there is no learner whose models a person can read");
  }
  config.learners = std::move(readable);
  config.ensemble.enabled = false;
  return {};
}

}  // namespace assay::automl
