#include "automl/learners/learner.h"

#include <array>

#include "automl/learners/learners_internal.h"
#include "kernels/base/names.h"

namespace assay::automl {

bool Learner::keeps_constraints(const TrainingData& data) const {
  return data.monotone.empty() && data.interactions.empty();
}
Status Learner::check(const TrainingData&, const ParamMap&) const { return {}; }
Status Learner::check_start(const Model&, Task, const Aim&, const ParamMap&) const { return {}; }

std::optional<OwnAim> Learner::own_aim(const ParamMap&) const { return std::nullopt; }
std::vector<ParamMap> Learner::smaller(const DataShape&, const ParamMap&) const { return {}; }
ModelUnits Learner::model_units(const DataShape&, const ParamMap&, int64_t) const { return {}; }
std::vector<ParamMap> Learner::within(const DataShape&, const ParamMap& params,
                                      const ModelUnits&) const {
  return {params};
}
std::vector<ParamMap> Learner::cheaper(const DataShape&, const ParamMap&) const { return {}; }

std::vector<ParamMap> Learner::hastier(const ParamMap&) const { return {}; }

std::vector<Result<FitResult>> Learner::fit_together(std::span<const FitRequest> requests,
                                                     const kernels::ComputeContext& context) const {
  std::vector<Result<FitResult>> results;
  results.reserve(requests.size());
  for (const FitRequest& request : requests) results.push_back(fit(request, context));
  return results;
}
bool Learner::gains_together(const DataShape&, int) const { return false; }

std::span<const Learner* const> learner_list() {
  static const std::array<const Learner*, 6> learners = {
      &constant_learner(),    &linear_learner(),        &gbt_learner(),
      &extra_trees_learner(), &random_forest_learner(), &mlp_learner()};
  return learners;
}

Result<const Learner*> find_learner(std::string_view name) {
  std::array<std::string_view, 8> names;
  size_t count = 0;
  for (const Learner* learner : learner_list()) {
    if (learner->name() == name) return learner;
    if (count < names.size()) names[count++] = learner->name();
  }
  return fail(StatusCode::kInvalidArgument, "unknown learner '{}'{}", name,
              name_hint(name, std::span<const std::string_view>(names.data(), count)));
}

}  // namespace assay::automl
