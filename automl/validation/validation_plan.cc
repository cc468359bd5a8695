#include "automl/validation/validation_plan.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

constexpr int kTargetQuantiles = 10;

enum class Method { kHoldout, kFolds, kGroup, kTime };

struct Choice {
  Method method = Method::kFolds;
  int folds = 5;
  double fraction = 0.2;
  std::string reason;
};

template <class T>
int64_t distinct_count(std::span<const T> values) {
  return static_cast<int64_t>(std::set<T>(values.begin(), values.end()).size());
}

// Whether all folds of enough trials fit, and a sentence that says so.
bool folds_fit(const ValidationRequest& request, int64_t rows, std::string* reason) {
  if (request.holdout) {
    *reason = "as it was for what is gone on with";
    return !*request.holdout;
  }
  const auto folds = static_cast<double>(request.options.folds);
  if (request.seconds_left) {
    const double needed = kMinFullTrials * folds * request.fit_seconds;
    *reason = fmt::format(
        "{} default fits on {} folds would take {} of {:.1f} s left", kMinFullTrials,
        request.options.folds,
        needed < 0.1 ? std::string("less than 0.1 s") : fmt::format("about {:.1f} s", needed),
        *request.seconds_left);
    return needed <= *request.seconds_left;
  }
  const int64_t cells = rows * std::max<int64_t>(request.feature_count, 1);
  const bool fits = cells <= kMaxFoldCells;
  *reason =
      fmt::format("{} rows of {} features are {} for every trial to be fitted {} times", rows,
                  request.feature_count, fits ? "few enough" : "too many", request.options.folds);
  return fits;
}

Result<Choice> choose(const ValidationRequest& request, int64_t rows) {
  const ValidationOptions& options = request.options;
  Choice choice;
  choice.folds = static_cast<int>(options.folds);
  choice.fraction = options.holdout_fraction;
  choice.reason = fmt::format("validation.method is {}", options.method);
  if (options.method == "group" || !request.groups.empty()) {
    if (request.groups.empty()) {
      return fail(StatusCode::kConfig, "validation.method=group needs data.group (a column)");
    }
    // However rows are parted, those of a group stay together.
    choice.method = Method::kGroup;
    if (options.method != "group") choice.reason = "a group column is given";
  } else if (options.method == "time" || !request.times.empty()) {
    if (request.times.empty()) {
      return fail(StatusCode::kConfig, "validation.method=time needs data.time_column (a column)");
    }
    choice.method = Method::kTime;
    if (options.method != "time") choice.reason = "a time column is given";
  } else if (options.method == "holdout") {
    choice.method = Method::kHoldout;
  } else if (options.method == "kfold") {
    choice.method = Method::kFolds;
  } else {
    choice.method = folds_fit(request, rows, &choice.reason) ? Method::kFolds : Method::kHoldout;
    choice.fraction =
        std::min(choice.fraction, static_cast<double>(kMaxHoldoutRows) / static_cast<double>(rows));
  }
  return choice;
}

Result<datasets::SplitPlan> split_rows(const ValidationRequest& request, const Choice& choice,
                                       int64_t rows) {
  const datasets::Target& target = *request.target;
  datasets::SplitShape shape{choice.folds, choice.fraction, request.seed};
  if (choice.method == Method::kGroup) {
    std::string unused;
    const bool holdout = request.options.method == "holdout" ||
                         (request.options.method == "auto" && !folds_fit(request, rows, &unused));
    const int64_t groups = distinct_count(request.groups);
    shape.folds = holdout ? 1 : static_cast<int>(std::clamp<int64_t>(groups, 2, choice.folds));
    return datasets::group_split(request.groups, shape);
  }
  if (choice.method == Method::kTime) {
    std::string unused;
    const bool holdout = request.options.method == "holdout" ||
                         (request.options.method == "auto" && !folds_fit(request, rows, &unused));
    const int64_t parts = distinct_count(request.times) - 1;
    shape.folds = holdout ? 1 : static_cast<int>(std::clamp<int64_t>(parts, 1, choice.folds));
    return datasets::time_split(request.times, shape);
  }
  shape.folds = choice.method == Method::kHoldout
                    ? 1
                    : static_cast<int>(std::clamp<int64_t>(rows, 2, choice.folds));
  if (!request.options.stratify) return datasets::random_split(rows, shape);
  if (target.classifies()) return datasets::stratified_split(target.codes, shape);
  const auto strata = datasets::quantile_strata(target.values, kTargetQuantiles);
  return datasets::stratified_split(strata, shape);
}

// Further partitions into folds, each with a seed of its own.
Status add_partitions(const ValidationRequest& request, const Choice& choice, int64_t rows,
                      ValidationPlan& plan) {
  if (plan.is_holdout() || choice.method == Method::kTime) return {};
  ValidationRequest next = request;
  for (int64_t partition = 1; partition < request.options.repeats; ++partition) {
    next.seed = derive_seed(request.seed, "partition", static_cast<uint64_t>(partition));
    ASSAY_ASSIGN_OR_RETURN(datasets::SplitPlan split, split_rows(next, choice, rows));
    std::move(split.folds.begin(), split.folds.end(), std::back_inserter(plan.folds));
  }
  return {};
}

}  // namespace

Result<ValidationPlan> plan_validation(const ValidationRequest& request) {
  const auto rows = static_cast<int64_t>(request.target->rows.size());
  if (rows < 2) {
    return fail(StatusCode::kData, "column '{}' has {} row{} with a value (at least 2 are needed)",
                request.target->name, rows, rows == 1 ? "" : "s");
  }
  ASSAY_ASSIGN_OR_RETURN(Choice choice, choose(request, rows));
  ASSAY_ASSIGN_OR_RETURN(datasets::SplitPlan split, split_rows(request, choice, rows));

  ValidationPlan plan;
  plan.method = std::move(split.method);
  plan.reason = std::move(choice.reason);
  plan.folds = std::move(split.folds);
  plan.fold_count = plan.folds.size();
  ASSAY_RETURN_IF_ERROR(add_partitions(request, choice, rows, plan));
  constexpr uint32_t kAbsent = ~uint32_t{0};
  std::vector<uint32_t> place_of(static_cast<size_t>(rows), kAbsent);
  for (const datasets::Split& fold : plan.folds) {
    for (const uint32_t row : fold.valid) place_of[row] = 0;
  }
  for (uint32_t row = 0; row < place_of.size(); ++row) {
    if (place_of[row] == kAbsent) continue;
    place_of[row] = static_cast<uint32_t>(plan.rows.size());
    plan.rows.push_back(row);
  }
  for (const datasets::Split& fold : plan.folds) {
    std::vector<uint32_t>& places = plan.places.emplace_back();
    places.reserve(fold.valid.size());
    for (const uint32_t row : fold.valid) places.push_back(place_of[row]);
  }
  return plan;
}

}  // namespace assay::automl
