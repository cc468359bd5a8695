#include "automl/search/auto_strategy.h"

#include <algorithm>

#include "automl/search/history.h"

namespace assay::automl {
namespace {

// What a sampler needs to know before it proposes something better than draws, for each learner.
constexpr double kFirstResults = 10;
constexpr double kSlowSeconds = 2;

}  // namespace

std::string_view auto_strategy(const SearchBudget& budget) {
  const auto learners = static_cast<double>(std::max<int64_t>(budget.learners, 1));
  const double needed = kFirstResults * learners;
  if (!budget.seconds_left) {
    // Decisions do not see the trials of the window before them.
    const double seen = static_cast<double>(budget.trials - kDecisionWindow);
    return budget.trials > 0 && seen < 2 * needed ? "random" : "tpe";
  }
  double trials = *budget.seconds_left / std::max(budget.trial_seconds, 1e-3);
  if (budget.trials > 0) trials = std::min(trials, static_cast<double>(budget.trials));
  if (trials < 2 * needed) return "random";
  return budget.trial_seconds >= kSlowSeconds ? "gp" : "tpe";
}

}  // namespace assay::automl
