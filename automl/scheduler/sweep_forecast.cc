// What the end of a sweep will take, while it searches. Saving is planned for the best few models,
// and large forests would keep seconds back that an ensemble of small ones does not need: when fits
// are about to be stopped for that, selection is tried on what is there, and only as much as its
// choice takes is kept back.
#include <algorithm>
#include <utility>

#include "automl/ensemble/greedy_selection.h"
#include "automl/scheduler/sweep_lead_internal.h"

namespace assay::automl {
namespace {

// How many of the best models the size of the registered one is guessed from.
constexpr size_t kTypicalMembers = 8;
// A guess is replaced by a trial selection if it keeps back more than this share of the budget for
// saving, and the selection takes less than that of it.
constexpr double kLargeSaveShare = 0.03;
constexpr double kTrialSelectionShare = 0.02;
// Room for what is found afterwards.
constexpr double kMoreBytes = 1.5;
// Before fits are to stop, in seconds beside the time of the selection.
constexpr double kAhead = 0.2;

}  // namespace

void SweepLead::forecast_end() {
  Budget& budget = state_->budget;
  forecast_refit();
  const bool single = !config_.ensemble.enabled;
  const double selecting = selection_seconds();
  int64_t bytes = state_->queue->save_bytes(single ? 1 : kTypicalMembers);
  if (chosen_bytes_) bytes = std::min(bytes, *chosen_bytes_);
  // Selection on all rows, and twice on half of them.
  budget.expect_tail(bytes, 2 * selecting / threads_ + stack_seconds() + calibration_seconds());
  if (!budget.timed() || single) return;
  const double limit = *config_.budget.time_limit();
  const double ahead = selecting + kAhead;
  const bool due = static_cast<double>(budget.fit_deadline_ns() -
                                       state_->request.clock->now_ns()) <= ahead * 1e9;
  if (!due || selecting > kTrialSelectionShare * limit ||
      budget.save_seconds(bytes) < kLargeSaveShare * limit) {
    return;
  }
  const int64_t finished = state_->queue->counts().finished;
  if (std::exchange(forecast_trials_, finished) == finished) return;  // nothing new
  chosen_bytes_ = try_selection();
}

double SweepLead::selection_seconds() const {
  const auto pool =
      static_cast<double>(std::min(config_.ensemble.max_models, state_->queue->counts().finished));
  const double rounds =
      config_.ensemble.enabled ? static_cast<double>(config_.ensemble.iterations) : 1;
  return state_->queue->score_seconds() * pool * rounds;
}

std::optional<int64_t> SweepLead::try_selection() {
  const std::optional<Chosen> chosen = select_now();
  if (!chosen) return {};
  return static_cast<int64_t>(kMoreBytes * static_cast<double>(save_bytes(*chosen)));
}

std::optional<SweepLead::Chosen> SweepLead::select_now() {
  std::vector<Candidate> candidates = state_->queue->candidates();
  if (!candidates.empty() && candidates[0].trial != 0) {
    std::erase_if(candidates, [](const Candidate& candidate) { return candidate.trial == 0; });
  }
  if (candidates.size() < 2) return {};
  const std::vector<PredictionView> views = views_of(candidates, state_->set->output_count());
  SerialExecutor executor;  // the slots have the other threads
  const StopToken stop(state_->request.clock, state_->budget.select_deadline_ns(),
                       state_->request.stop);
  SelectionProblem problem = selection_problem(*state_->set, views);
  const std::vector<Allowance> allowed = allowances(candidates);
  problem.allowances = allowed;
  const auto selection = select_ensemble(problem, selection_options(), executor, stop);
  if (!selection || !selection->complete) return {};
  Chosen chosen;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (selection->weights[i] > 0) chosen.members.push_back({candidates[i], selection->weights[i]});
  }
  likely_members_.clear();
  for (const size_t place : chosen.heaviest_first()) {
    likely_members_.push_back(chosen.members[place].candidate.trial);
  }
  return rescore(chosen) ? std::optional(std::move(chosen)) : std::nullopt;
}

}  // namespace assay::automl
