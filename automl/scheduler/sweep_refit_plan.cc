// What fits on all rows will take, and how they are made. Fits of a thread each run side by side,
// as their trials did; larger ones have all threads and the leading device, one after the other.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "automl/scheduler/refit_steps.h"
#include "automl/scheduler/sweep_lead_internal.h"

namespace assay::automl {
namespace {

// Time is kept for as many fits of the best trials, or of those that selection chose when it was
// last tried, as take this share of it together; for one, if that takes no more than
// Budget::kRefitShare. The better one weighs more in what is registered, so where it has to stay as
// it is, no time is kept for those behind it.
constexpr size_t kMostBest = 4;
constexpr double kSeveralShare = 0.2;

}  // namespace

bool SweepLead::refits() const { return config_.validation.refit && !state_->start; }

int SweepLead::wanted_refits(int64_t trial) const {
  const bool one =
      state_->set->is_holdout() || !find_by_name(state_->queue->spec_of(trial).learner)->draws();
  return one ? 1 : kFitsForFolds;
}

double SweepLead::more_rows() const {
  const std::span<const Fold> folds = state_->set->folds();
  double trained = 0;
  for (const Fold& fold : folds) trained += static_cast<double>(fold.train_rows.size());
  const double each = trained / static_cast<double>(folds.size());
  return static_cast<double>(state_->set->target().rows.size()) / each;
}

int SweepLead::refits_at_once() const {
  const SweepCompute& compute = state_->request.compute;
  const bool apart = slots_.threads_per_slot == 1 && compute.leading() == compute.host;
  return apart ? slots_.slots : 1;
}

double SweepLead::refit_seconds(int64_t trial) const {
  // Fits gain less by all threads and the device than several of them do side by side.
  const int alike = slots_.slots / refits_at_once();
  const double care = kRefitCare / std::sqrt(static_cast<double>(alike));
  return care * state_->queue->fit_seconds(trial) * more_rows();
}

std::vector<int64_t> SweepLead::likely_members() const {
  if (!likely_members_.empty()) return likely_members_;
  std::vector<int64_t> best;
  const size_t most = config_.ensemble.enabled ? kMostBest : 1;
  for (const Candidate& candidate : state_->queue->candidates()) {
    if (best.size() < most) best.push_back(candidate.trial);
  }
  return best;
}

void SweepLead::forecast_refit() {
  Budget& budget = state_->budget;
  if (!budget.timed() || !refits()) return;
  const int64_t finished = state_->queue->counts().finished;
  if (std::exchange(refit_trials_, finished) == finished) return;
  const double limit = *config_.budget.time_limit();
  // A good model that came late has no refit: trials under way would be lost for it.
  const double room = budget.refit_room();
  const std::vector<int64_t> members = likely_members();
  double kept = 0;
  for (int number = 0; number < kFitsForFolds; ++number) {
    for (const int64_t trial : members) {
      if (number >= wanted_refits(trial)) continue;
      const double seconds = refit_seconds(trial);
      // Those behind the first fill up the other slots.
      const double more = kept == 0 ? seconds : seconds / refits_at_once();
      const double share = kept == 0 ? Budget::kRefitShare : kSeveralShare;
      if (kept + more > std::min(share * limit, room)) return budget.expect_refit(kept);
      kept += more;
    }
  }
  budget.expect_refit(kept);
}

int64_t SweepLead::planned_refit_bytes(int64_t trial, int threads) const {
  DataShape shape = state_->set->shape();
  shape.train_count = static_cast<int64_t>(state_->set->target().rows.size());
  shape.valid_count = 0;
  const TrialSpec spec = state_->queue->spec_of(trial);
  const auto planned = find_by_name(spec.learner)->planned_bytes(shape, spec.params, threads);
  return planned ? planned->fit : std::numeric_limits<int64_t>::max();
}

int64_t SweepLead::refit_bytes() const {
  const TrainingSet& set = *state_->set;
  const int64_t levels = set.level_targets(0) != nullptr ? set.level_bytes() : 0;
  return memory_plan(threads_).trial_bytes() - levels;
}

int64_t SweepLead::steps_of_refit(const Candidate& candidate) const {
  const TrialSpec spec = state_->queue->spec_of(candidate.trial);
  const Learner& learner = *find_by_name(spec.learner);
  const int64_t kept = candidate.model->refit_steps();
  const OptionInfo* const option = find_option(learner.options().options, learner.step_option());
  if (kept == 0 || option == nullptr) return 0;
  const auto set = spec.params.find(option->name);
  const int64_t planned = set != spec.params.end() ? std::get<int64_t>(set->second)
                                                   : std::get<int64_t>(option->default_value);
  // What was cut short had no more time, and has none here.
  const bool cut = state_->queue->status_of(candidate.trial) == TrialStatus::kPartial;
  return cut ? kept : refit_steps(kept, planned, more_rows());
}

}  // namespace assay::automl
