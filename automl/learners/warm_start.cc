#include "automl/learners/warm_start.h"

#include <algorithm>

namespace assay::automl {
namespace {

Status check_order(const GbtOptions& options) {
  if (options.categorical != "ordered") return {};
  return fail(StatusCode::kConfig,
              "categorical=ordered does not go with an initial model, which has forgotten the "
              "order (categorical=subsets does)");
}

}  // namespace

Status check_start(const Model& start, Task task, const Aim& aim, const ParamMap& settled) {
  ASSAY_ASSIGN_OR_RETURN(const GbtOptions options, options_from<GbtOptions>(settled));
  if (settled.count("categorical") > 0) ASSAY_RETURN_IF_ERROR(check_order(options));
  const auto* trees = dynamic_cast<const TreeModel*>(&start);
  if (trees == nullptr || settled.count("objective") == 0) return {};
  ASSAY_ASSIGN_OR_RETURN(const kernels::Loss loss, loss_for(task, aim, options));
  if (trees->parts().link == link_of(loss)) return {};
  return fail(StatusCode::kConfig,
              "objective={} has scores of link '{}', and the initial model's are of link '{}'",
              options.objective == "auto" ? objective_name(loss) : options.objective,
              name_of(link_of(loss)), name_of(trees->parts().link));
}

Result<const TreeModel*> start_model(const FitRequest& request, const Objective& objective) {
  const auto* trees = dynamic_cast<const TreeModel*>(request.init_model);
  if (trees == nullptr || trees->parts().average) {
    return fail(StatusCode::kConfig,
                "gbt: cannot go on from a model of kind '{}' (must be boosted trees)",
                trees == nullptr ? request.init_model->kind() : "averaged trees");
  }
  const TreeModel::Parts& parts = trees->parts();
  const auto outputs = static_cast<int32_t>(objective.base_scores.size());
  if (parts.link != objective.link || parts.forest.output_count() != outputs) {
    return fail(StatusCode::kConfig,
                "gbt: cannot go on from a model of link '{}' and {} outputs (this objective's are "
                "'{}' and {})",
                name_of(parts.link), parts.forest.output_count(), name_of(objective.link), outputs);
  }
  const int32_t features = request.data->features->feature_count();
  if (parts.feature_count != features) {
    return fail(StatusCode::kConfig,
                "gbt: cannot go on from a model of {} features (the table has {})",
                parts.feature_count, features);
  }
  return trees;
}

Status adopt_start(const FitRequest& request, const GbtOptions& options, FitData& data,
                   Objective& objective) {
  if (request.init_model == nullptr) return {};
  ASSAY_RETURN_IF_ERROR(check_order(options));
  ASSAY_ASSIGN_OR_RETURN(const TreeModel* start, start_model(request, objective));
  const TreeModel::Parts& parts = start->parts();
  objective.base_scores = parts.base_scores;
  const bool same =
      parts.target.offset == data.target.offset && parts.target.scale == data.target.scale;
  if (same || is_classification(request.data->task)) return {};
  data.target = parts.target;
  const auto scale = [&](uint32_t row) {
    const double value = (request.data->targets[row] - data.target.offset) / data.target.scale;
    data.targets[row] = std::clamp(value, -kMostTarget, kMostTarget);
  };
  for (const uint32_t row : request.train_rows) scale(row);
  for (const uint32_t row : request.valid_rows) scale(row);
  return {};
}

}  // namespace assay::automl
