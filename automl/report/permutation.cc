#include "automl/report/permutation.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "automl/models/average_model.h"
#include "automl/models/calibrated_model.h"
#include "automl/models/level_targets.h"
#include "automl/models/linear_model.h"
#include "automl/models/mlp_model.h"
#include "automl/models/stacked_model.h"
#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

Result<double> score_of(const PermutationRequest& request, const kernels::ComputeContext& context) {
  const Predictor& predictor = *request.predictor;
  const int64_t rows = request.table->row_count();
  std::vector<float> out(static_cast<size_t>(rows * predictor.output_count()));
  ASSAY_RETURN_IF_ERROR(
      predictor.model().predict_all(*request.table, context, out, predictor.frame()));
  return request.metric->in(predictor.frame())
      .score({out.data(), rows, predictor.output_count()}, request.targets);
}

}  // namespace

bool reads_dense(const Model& model) {
  if (const auto* average = dynamic_cast<const AverageModel*>(&model)) {
    return std::any_of(average->members().begin(), average->members().end(),
                       [](const auto& member) { return reads_dense(*member); });
  }
  if (const auto* stacked = dynamic_cast<const StackedModel*>(&model)) {
    return std::any_of(stacked->parts().members.begin(), stacked->parts().members.end(),
                       [](const auto& member) { return reads_dense(*member); });
  }
  if (const auto* levels = dynamic_cast<const LevelTargetModel*>(&model)) {
    return reads_dense(*levels->model());
  }
  if (const auto* calibrated = dynamic_cast<const CalibratedModel*>(&model)) {
    return reads_dense(*calibrated->model());
  }
  return dynamic_cast<const LinearModel*>(&model) != nullptr ||
         dynamic_cast<const MlpModel*>(&model) != nullptr;
}

Result<Permutation> permutation_importance(const PermutationRequest& request,
                                           const kernels::ComputeContext& context) {
  const FeatureEncoder& encoder = request.predictor->encoder();
  Permutation result;
  ASSAY_ASSIGN_OR_RETURN(result.score, score_of(request, context));
  const double usual = request.metric->loss_of(result.score);
  std::vector<uint32_t> order(static_cast<size_t>(request.table->row_count()));
  for (size_t column = 0; column < encoder.part_count(); ++column) {
    std::vector<int32_t> features;
    for (size_t f = 0; f < encoder.features().size(); ++f) {
      if (encoder.part_of(encoder.features()[f]) == column) {
        features.push_back(static_cast<int32_t>(f));
      }
    }
    std::vector<double> losses;
    for (int64_t repeat = 0; repeat < request.repeats; ++repeat) {
      std::iota(order.begin(), order.end(), 0u);
      Rng rng(derive_seed(derive_seed(request.seed, "column", column), "repeat",
                          static_cast<uint64_t>(repeat)));
      shuffle(order, rng);
      request.table->shuffle(features, order);
      const Result<double> score = score_of(request, context);
      request.table->restore();
      if (!score) return tl::unexpected<Error>(score.error());
      losses.push_back(request.metric->loss_of(*score) - usual);
    }
    ColumnImportance& importance = result.columns.emplace_back();
    importance.name = encoder.part_name(column);
    const auto count = static_cast<double>(losses.size());
    for (const double loss : losses) importance.mean += loss / count;
    for (const double loss : losses) {
      importance.deviation += (loss - importance.mean) * (loss - importance.mean) / count;
    }
    importance.deviation = std::sqrt(importance.deviation);
  }
  return result;
}

}  // namespace assay::automl
