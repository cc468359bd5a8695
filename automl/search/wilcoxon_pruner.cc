#include "automl/search/wilcoxon_pruner.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

namespace assay::automl {
namespace {

// Losses of single folds by their number.
std::map<int, double> fold_losses(const TrialResult& trial) {
  std::map<int, double> losses;
  for (const RungValue& value : trial.rungs) {
    if (value.rung.ladder == Rung::Ladder::kSingleFold) losses[value.rung.step] = value.loss;
  }
  return losses;
}

// Of the learner, but not the trial itself; null if there is none.
const TrialResult* best_of(const std::string& learner, int64_t except, const HistoryView& history) {
  const TrialResult* best = nullptr;
  for (int64_t i = 0; i < history.size(); ++i) {
    const TrialResult& other = history.at(i);
    if (other.spec.number == except || other.spec.learner != learner) continue;
    if (!other.loss || !has_score(other.status)) continue;
    if (best == nullptr || *other.loss < *best->loss) best = &other;
  }
  return best;
}

}  // namespace

// Ranks are doubled, so that mean ranks are integers; ways[w] of the 2^n sign patterns have the
// sum w of the ranks of negative differences.
double signed_rank_chance(std::span<const double> differences) {
  std::vector<double> nonzero;
  for (const double difference : differences) {
    if (difference != 0 && std::isfinite(difference)) nonzero.push_back(difference);
  }
  std::sort(nonzero.begin(), nonzero.end(),
            [](double a, double b) { return std::abs(a) < std::abs(b); });
  std::vector<double> ways = {1};
  size_t observed = 0;
  for (size_t begin = 0; begin < nonzero.size();) {
    size_t end = begin + 1;
    while (end < nonzero.size() && std::abs(nonzero[end]) == std::abs(nonzero[begin])) ++end;
    const size_t rank = begin + end + 1;  // twice the mean of begin + 1 .. end
    for (size_t i = begin; i < end; ++i) {
      if (nonzero[i] < 0) observed += rank;
      std::vector<double> next(ways.size() + rank, 0);
      for (size_t w = 0; w < ways.size(); ++w) {
        next[w] += 0.5 * ways[w];
        next[w + rank] += 0.5 * ways[w];
      }
      ways = std::move(next);
    }
    begin = end;
  }
  if (nonzero.empty()) return 1;
  double chance = 0;
  for (size_t w = 0; w <= observed; ++w) chance += ways[w];
  return chance;
}

bool WilcoxonPruner::should_stop(const TrialResult& trial, const RungValue& value,
                                 const HistoryView& history) const {
  if (!is_searched(trial.spec.origin) || value.rung.ladder != Rung::Ladder::kSingleFold)
    return false;
  const TrialResult* best = best_of(trial.spec.learner, trial.spec.number, history);
  if (best == nullptr) return false;
  const std::map<int, double> theirs = fold_losses(*best);
  std::vector<double> differences;
  for (const auto& [fold, loss] : fold_losses(trial)) {
    if (const auto same = theirs.find(fold); same != theirs.end()) {
      differences.push_back(loss - same->second);
    }
  }
  return signed_rank_chance(differences) <= level_;
}

}  // namespace assay::automl
