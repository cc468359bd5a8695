#include "automl/search/history.h"

#include <algorithm>
#include <utility>

namespace assay::automl {

void History::start(const TrialSpec& spec) {
  TrialResult result;
  result.spec = spec;
  trials_.push_back(std::move(result));
}

void History::record_rung(int64_t number, const RungValue& value) {
  std::vector<RungValue>& rungs = trials_[static_cast<size_t>(number)].rungs;
  // A trial that began anew on another device meets them again.
  const bool known = std::any_of(rungs.begin(), rungs.end(), [&](const RungValue& before) {
    return before.rung == value.rung;
  });
  if (!known) rungs.push_back(value);
}

void History::finish(TrialResult result) {
  TrialResult& known = trials_[static_cast<size_t>(result.spec.number)];
  result.rungs = std::move(known.rungs);
  known = std::move(result);
}

bool History::done_below(int64_t number) const {
  const int64_t end = std::min(number, size());
  for (int64_t i = 0; i < end; ++i) {
    if (at(i).status == TrialStatus::kRunning) return false;
  }
  return number <= size();
}

HistoryView History::all() const { return {*this, size()}; }

HistoryView History::before_window_of(int64_t number) const {
  return {*this, std::clamp<int64_t>(number - kDecisionWindow, 0, size())};
}

int64_t HistoryView::best() const {
  int64_t best = -1;
  for (int64_t i = 0; i < size_; ++i) {
    const TrialResult& trial = at(i);
    if (trial.loss && has_score(trial.status) && (best < 0 || *trial.loss < *at(best).loss)) {
      best = i;
    }
  }
  return best;
}

}  // namespace assay::automl
