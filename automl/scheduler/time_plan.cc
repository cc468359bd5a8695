#include "automl/scheduler/time_plan.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace assay::automl {
namespace {
constexpr int kMostCuts = 64;
}

Result<double> TimePlan::seconds(const Learner& learner, const ParamMap& params) const {
  ASSAY_ASSIGN_OR_RETURN(const double cost, learner.logical_cost(shape_.data, params));
  return cost * 1e-9 * learner.usual_share() * static_cast<double>(shape_.fold_count) /
         std::min<double>(shape_.threads, learner.useful_threads());
}

Status TimePlan::shorten(const Learner& learner, std::span<const std::string> fixed,
                         ParamMap& params) const {
  ASSAY_ASSIGN_OR_RETURN(double taken, seconds(learner, params));
  for (int step = 0; taken > shape_.most_seconds() && step < kMostCuts; ++step) {
    std::vector<ParamMap> settings = learner.cheaper(shape_.data, params);
    const auto add = [&](std::vector<ParamMap> more) {
      std::move(more.begin(), more.end(), std::back_inserter(settings));
    };
    const bool timed = shape_.seconds_left.has_value();
    if (!timed || taken > kHasteRatio * shape_.most_seconds()) add(learner.hastier(params));
    if (!timed) add(learner.smaller(shape_.data, params));
    const auto next = std::find_if(settings.begin(), settings.end(), [&](const ParamMap& setting) {
      return keeps_fixed(params, setting, fixed);
    });
    if (next == settings.end()) return {};
    params = *next;
    ASSAY_ASSIGN_OR_RETURN(taken, seconds(learner, params));
  }
  return {};
}

bool keeps_fixed(const ParamMap& before, const ParamMap& after,
                 std::span<const std::string> fixed) {
  return std::none_of(fixed.begin(), fixed.end(), [&](const std::string& name) {
    const auto a = before.find(name);
    const auto b = after.find(name);
    return b != after.end() && (a == before.end() || a->second != b->second);
  });
}

std::string param_changes(const ParamMap& before, const ParamMap& after) {
  std::string text;
  for (const auto& [name, value] : after) {
    const auto old = before.find(name);
    if (old != before.end() && old->second == value) continue;
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", name, to_text(value));
  }
  return text;
}

}  // namespace assay::automl
