#include "automl/learners/objective.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>

#include "automl/learners/weighted_quantile.h"
#include "kernels/exact_math.h"

namespace assay::automl {
namespace {

using kernels::Loss;

struct NamedLoss {
  std::string_view name;
  Loss loss;
  std::array<bool, 3> tasks;  // in the order of Task
};
constexpr std::array<bool, 3> kNumbers = {false, false, true};
constexpr std::array<NamedLoss, 9> kLosses = {{{"squared", Loss::kSquared, kNumbers},
                                               {"absolute", Loss::kAbsolute, kNumbers},
                                               {"huber", Loss::kHuber, kNumbers},
                                               {"quantile", Loss::kQuantile, kNumbers},
                                               {"poisson", Loss::kPoisson, kNumbers},
                                               {"tweedie", Loss::kTweedie, kNumbers},
                                               {"cross_entropy", Loss::kCrossEntropy, kNumbers},
                                               {"logistic", Loss::kLogistic, {true, false, false}},
                                               {"softmax", Loss::kSoftmax, {false, true, false}}}};

// Shares of what does not occur in training: small, but with a logarithm.
constexpr double kLeastShare = 1e-9;

std::string_view name_of(Loss loss) {
  return std::find_if(kLosses.begin(), kLosses.end(),
                      [&](const NamedLoss& named) { return named.loss == loss; })
      ->name;
}

Loss usual_loss(Task task) {
  if (task == Task::kBinary) return Loss::kLogistic;
  return task == Task::kMulticlass ? Loss::kSoftmax : Loss::kSquared;
}

Link link_of(Loss loss) {
  switch (loss) {
    case Loss::kLogistic:
      return Link::kLogistic;
    case Loss::kSoftmax:
      return Link::kSoftmax;
    case Loss::kPoisson:
    case Loss::kTweedie:
      return Link::kLog;
    case Loss::kCrossEntropy:
      return Link::kSigmoid;
    default:
      return Link::kIdentity;
  }
}

std::vector<double> class_scores(const FitData& data, Loss loss) {
  const auto log_share = [&](size_t k) {
    return kernels::exact_log(std::max(data.class_weights[k] / data.weight_sum, kLeastShare));
  };
  if (loss == Loss::kLogistic) return {log_share(1) - log_share(0)};
  std::vector<double> scores;
  for (size_t k = 0; k < data.class_weights.size(); ++k) scores.push_back(log_share(k));
  return scores;
}

// Of the training rows' targets as FitData has them.
class TargetQuantiles {
 public:
  TargetQuantiles(const FitRequest& request, const FitData& data) {
    for (const uint32_t row : request.train_rows) {
      values_.push_back({data.targets[row], data.weight(row)});
    }
  }
  double at(double level) { return weighted_quantile(values_, level); }

 private:
  std::vector<WeightedValue> values_;
};

// Half the distance of the quartiles where huber_delta is left to us: what lies further out is
// an outlier's distance. 1, a deviation, where they are one.
double huber_delta(const GbtOptions& options, const FitData& data, TargetQuantiles& quantiles) {
  if (options.huber_delta > 0) {
    return std::clamp(options.huber_delta / data.target.scale, 1e-30, 1e30);
  }
  const double half = 0.5 * (quantiles.at(0.75) - quantiles.at(0.25));
  return half > 0 ? half : 1;
}

Status scale_by_mean(const FitRequest& request, Loss loss, FitData& data) {
  double most = 0;
  for (const uint32_t row : request.train_rows) {
    if (data.weight(row) > 0) most = std::max(most, request.data->targets[row]);
  }
  double sum = 0;
  for (const uint32_t row : request.train_rows) {
    if (most > 0) sum += data.weight(row) * (request.data->targets[row] / most);
  }
  const double mean = sum / data.weight_sum;  // in units of the greatest
  if (!(mean * most > 0)) {
    return fail(StatusCode::kData,
                "objective={}: no training row has a target above 0 (one at least must)",
                name_of(loss));
  }
  const auto scale = [&](uint32_t row) {
    data.targets[row] = std::min(request.data->targets[row] / most / mean, 1e15);
  };
  for (const uint32_t row : request.train_rows) scale(row);
  for (const uint32_t row : request.valid_rows) scale(row);
  data.target = {0, mean * most};
  return {};
}

// Chances as they are. The score is the logarithm of the odds of their mean.
double take_chances(const FitRequest& request, FitData& data) {
  double sum = 0;
  for (const uint32_t row : request.train_rows) {
    data.targets[row] = request.data->targets[row];
    sum += data.weight(row) * data.targets[row];
  }
  for (const uint32_t row : request.valid_rows) data.targets[row] = request.data->targets[row];
  data.target = {0, 1};
  const double mean = sum / data.weight_sum;
  return kernels::exact_log(std::max(mean, kLeastShare)) -
         kernels::exact_log(std::max(1 - mean, kLeastShare));
}

}  // namespace

Result<Loss> loss_for(Task task, const GbtOptions& options) {
  if (options.objective == "auto") return usual_loss(task);
  std::string allowed = "auto";
  for (const NamedLoss& named : kLosses) {
    const bool fits = named.tasks[static_cast<size_t>(task)];
    if (fits && named.name == options.objective) return named.loss;
    if (fits) allowed += fmt::format(", {}", named.name);
  }
  return fail(StatusCode::kConfig, "objective={} is not for {} tasks (must be one of {}){}",
              options.objective, automl::name_of(task), allowed,
              is_classification(task) ? "; data.task: regression predicts the numbers" : "");
}

bool is_common(Loss loss) {
  return loss == Loss::kSquared || loss == Loss::kLogistic || loss == Loss::kSoftmax;
}

LeafRule leaf_rule_of(Loss loss) {
  if (loss == Loss::kAbsolute || loss == Loss::kQuantile) return LeafRule::kQuantile;
  if (loss == Loss::kPoisson || loss == Loss::kTweedie) return LeafRule::kLogRatio;
  return LeafRule::kNewton;
}

Status check_targets(const TrainingData& data, std::span<const uint32_t> rows, Loss loss) {
  const bool counts = loss == Loss::kPoisson || loss == Loss::kTweedie;
  if (!counts && loss != Loss::kCrossEntropy) return {};
  for (const uint32_t row : rows) {
    const double target = data.targets[row];
    if (target >= 0 && (counts || target <= 1)) continue;
    return fail(StatusCode::kData, "objective={}: the target of row {} is {} (must be {})",
                name_of(loss), row + 1, target, counts ? ">= 0" : "in [0, 1]");
  }
  return {};
}

Result<Objective> make_objective(const FitRequest& request, const GbtOptions& options,
                                 FitData& data) {
  Objective objective;
  ASSAY_ASSIGN_OR_RETURN(objective.loss, loss_for(request.data->task, options));
  ASSAY_RETURN_IF_ERROR(check_targets(*request.data, request.train_rows, objective.loss));
  ASSAY_RETURN_IF_ERROR(check_targets(*request.data, request.valid_rows, objective.loss));
  objective.link = link_of(objective.loss);
  objective.leaf_rule = leaf_rule_of(objective.loss);
  if (kernels::takes_classes(objective.loss)) {
    objective.base_scores = class_scores(data, objective.loss);
    return objective;
  }
  objective.base_scores = {0.0};  // targets are centred, or have mean 1
  switch (objective.loss) {
    case Loss::kQuantile:
      objective.level = options.alpha;
      objective.parameter = options.alpha;
      [[fallthrough]];
    case Loss::kAbsolute:
      objective.base_scores = {TargetQuantiles(request, data).at(objective.level)};
      break;
    case Loss::kHuber: {
      TargetQuantiles quantiles(request, data);
      objective.parameter = huber_delta(options, data, quantiles);
      objective.base_scores = {quantiles.at(0.5)};
      break;
    }
    case Loss::kTweedie:
      objective.parameter = options.tweedie_variance_power;
      [[fallthrough]];
    case Loss::kPoisson:
      ASSAY_RETURN_IF_ERROR(scale_by_mean(request, objective.loss, data));
      break;
    case Loss::kCrossEntropy:
      objective.base_scores = {take_chances(request, data)};
      break;
    default:
      break;
  }
  return objective;
}

}  // namespace assay::automl
