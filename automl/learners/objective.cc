#include "automl/learners/objective.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>

#include "automl/metrics/metric.h"
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
constexpr std::array<NamedLoss, 10> kLosses = {{{"squared", Loss::kSquared, kNumbers},
                                                {"absolute", Loss::kAbsolute, kNumbers},
                                                {"huber", Loss::kHuber, kNumbers},
                                                {"quantile", Loss::kQuantile, kNumbers},
                                                {"poisson", Loss::kPoisson, kNumbers},
                                                {"tweedie", Loss::kTweedie, kNumbers},
                                                {"cross_entropy", Loss::kCrossEntropy, kNumbers},
                                                {"lambdarank", Loss::kLambdaRank, kNumbers},
                                                {"logistic", Loss::kLogistic, {true, false, false}},
                                                {"softmax", Loss::kSoftmax, {false, true, false}}}};

// Shares of what does not occur in training: small, but with a logarithm.
constexpr double kLeastShare = 1e-9;

// Pairs of rows count where one of them is among so many ranks, at least, and twice those that the
// metric counts: what is just behind them is to get there.
constexpr double kFewestRanks = 30;

Loss usual_loss(Task task, const Aim& aim) {
  if (task == Task::kBinary) return Loss::kLogistic;
  if (task == Task::kMulticlass) return Loss::kSoftmax;
  switch (aim.kind) {
    case AimKind::kCount:
      return Loss::kPoisson;
    case AimKind::kQuantile:
      return aim.level == 0.5 ? Loss::kAbsolute : Loss::kQuantile;
    case AimKind::kRelative:
      return Loss::kAbsolute;
    case AimKind::kRanking:
      return Loss::kLambdaRank;
    case AimKind::kMean:
      break;
  }
  return Loss::kSquared;
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

// Half the distance of the quartiles where huber_delta is left to us: what lies further out is
// an outlier's distance. 1, a deviation, where they are one.
double huber_delta(const FitRequest& request, const GbtOptions& options, const FitData& data) {
  if (options.huber_delta > 0) {
    return std::clamp(options.huber_delta / data.target.scale, 1e-30, 1e30);
  }
  const double half =
      0.5 * (target_quantile(request, data, 0.75) - target_quantile(request, data, 0.25));
  return half > 0 ? half : 1;
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

// Relevances as they are.
void take_relevances(const FitRequest& request, FitData& data) {
  for (const std::span<const uint32_t> rows : {request.train_rows, request.valid_rows}) {
    for (const uint32_t row : rows) data.targets[row] = request.data->targets[row];
  }
  data.target = {0, 1};
}

}  // namespace

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

std::string_view objective_name(Loss loss) {
  return std::find_if(kLosses.begin(), kLosses.end(),
                      [&](const NamedLoss& named) { return named.loss == loss; })
      ->name;
}

Result<Loss> loss_for(Task task, const Aim& aim, const GbtOptions& options) {
  if (options.objective == "auto") return usual_loss(task, aim);
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

std::optional<OwnAim> own_aim_of(const ParamMap& settled) {
  const auto options = options_from<GbtOptions>(settled);
  if (!options || settled.count("objective") == 0) return std::nullopt;
  const auto named = std::find_if(kLosses.begin(), kLosses.end(), [&](const NamedLoss& loss) {
    return loss.name == options->objective;
  });
  if (named == kLosses.end() || !named->tasks[static_cast<size_t>(Task::kRegression)]) {
    return std::nullopt;
  }
  OwnAim own{fmt::format("objective={}", named->name), {}};
  std::vector<Aim> aims;
  switch (named->loss) {
    case Loss::kQuantile:
      if (settled.count("alpha") == 0) return std::nullopt;
      own.settings += fmt::format(", alpha={}", options->alpha);
      aims = {{AimKind::kQuantile, options->alpha}};
      break;
    case Loss::kAbsolute:
      aims = {{AimKind::kQuantile}};
      break;
    case Loss::kHuber:  // between the two
      aims = {{AimKind::kQuantile}, {AimKind::kMean}};
      break;
    case Loss::kPoisson:
    case Loss::kTweedie:  // the mean, too
      aims = {{AimKind::kCount}, {AimKind::kMean}};
      break;
    case Loss::kLambdaRank:
      aims = {{AimKind::kRanking, 10}, {AimKind::kRanking, 5}, {AimKind::kRanking, kAllRanks}};
      break;
    default:
      aims = {{AimKind::kMean}};
  }
  for (const Aim& aim : aims) {
    for (const std::string_view name : metric_names(Task::kRegression)) {
      const auto metric = Metric::find(name);
      if (metric && metric->aim() == aim) own.metrics.push_back(metric->name());
    }
  }
  return own;
}

Aim fit_aim(const TrainingData& data, const GbtOptions& options) {
  return options.objective == "auto" ? data.aim : Aim{};
}

LeafRule leaf_rule_of(Loss loss) {
  if (loss == Loss::kAbsolute || loss == Loss::kQuantile) return LeafRule::kQuantile;
  if (loss == Loss::kPoisson || loss == Loss::kTweedie) return LeafRule::kLogRatio;
  return LeafRule::kNewton;
}

Status check_sampling(const GbtOptions& options, Loss loss) {
  if (options.sampling != "goss" || leaf_rule_of(loss) == LeafRule::kNewton) return {};
  return fail(StatusCode::kConfig,
              "sampling=goss does not go with objective={}, whose leaves are not sums of gradients "
              "(sampling=uniform does)",
              objective_name(loss));
}

Status check_targets(const TrainingData& data, std::span<const uint32_t> rows, Loss loss) {
  const bool counts = loss == Loss::kPoisson || loss == Loss::kTweedie || loss == Loss::kLambdaRank;
  if (!counts && loss != Loss::kCrossEntropy) return {};
  for (const uint32_t row : rows) {
    const double target = data.targets[row];
    if (target >= 0 && (counts || target <= 1)) continue;
    return fail(StatusCode::kData, "objective={}: the target of row {} is {} (must be {})",
                objective_name(loss), row + 1, target, counts ? ">= 0" : "in [0, 1]");
  }
  return {};
}

Status check_queries(const TrainingData& data, Loss loss) {
  if (loss != Loss::kLambdaRank || !data.queries.empty()) return {};
  return fail(StatusCode::kConfig,
              "objective=lambdarank wants data.group, the column of the queries whose answers are "
              "ranked");
}

Result<Objective> make_objective(const FitRequest& request, const GbtOptions& options,
                                 FitData& data) {
  const TrainingData& from = *request.data;
  const bool follows = options.objective == "auto";
  Objective objective;
  ASSAY_ASSIGN_OR_RETURN(objective.loss, loss_for(from.task, from.aim, options));
  ASSAY_RETURN_IF_ERROR(check_queries(from, objective.loss));
  ASSAY_RETURN_IF_ERROR(check_targets(from, request.train_rows, objective.loss));
  ASSAY_RETURN_IF_ERROR(check_targets(from, request.valid_rows, objective.loss));
  if (objective.loss == Loss::kPoisson || objective.loss == Loss::kTweedie) {
    if (!scale_by_mean(request, data)) {
      if (!follows) {
        return fail(StatusCode::kData,
                    "objective={}: no training row has a target above 0 (one at least must)",
                    objective_name(objective.loss));
      }
      objective.loss = Loss::kSquared;
    }
  }
  objective.common =
      follows || (objective.loss == usual_loss(from.task, from.aim) &&
                  (objective.loss != Loss::kQuantile || options.alpha == from.aim.level));
  objective.link = link_of(objective.loss);
  objective.leaf_rule = leaf_rule_of(objective.loss);
  if (kernels::takes_classes(objective.loss)) {
    objective.base_scores = class_scores(data, objective.loss);
    return objective;
  }
  objective.base_scores = {0.0};  // targets are centred, or have mean 1
  switch (objective.loss) {
    case Loss::kQuantile:
      objective.level = follows ? from.aim.level : options.alpha;
      objective.parameter = objective.level;
      [[fallthrough]];
    case Loss::kAbsolute:
      objective.base_scores = {target_quantile(request, data, objective.level)};
      break;
    case Loss::kHuber:
      objective.parameter = huber_delta(request, options, data);
      objective.base_scores = {target_quantile(request, data, 0.5)};
      break;
    case Loss::kTweedie:
      objective.parameter = options.tweedie_variance_power;
      break;
    case Loss::kCrossEntropy:
      objective.base_scores = {take_chances(request, data)};
      break;
    case Loss::kLambdaRank:
      objective.ranks = from.aim.kind == AimKind::kRanking ? from.aim.level : kAllRanks;
      objective.parameter = std::max(kFewestRanks, 2 * objective.ranks);
      take_relevances(request, data);
      break;
    default:
      break;
  }
  return objective;
}

}  // namespace assay::automl
