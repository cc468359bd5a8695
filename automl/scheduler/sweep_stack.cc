// A second level over the members of the ensemble, where rows speak for it that it was not fitted
// on.
#include <algorithm>
#include <utility>
#include <vector>

#include "automl/ensemble/stacking.h"
#include "automl/scheduler/sweep_lead_internal.h"

namespace assay::automl {
namespace {

// Of fits on so many numbers (kStackCells) altogether, and at most this share of the budget.
constexpr double kStackSeconds = 0.4;
constexpr double kMostShare = 0.05;
// Members of an ensemble, where that is not known yet.
constexpr double kUsualMembers = 12;

}  // namespace

double SweepLead::stack_seconds() const {
  if (!config_.ensemble.enabled || config_.ensemble.stacking == "false") return 0;
  const TrainingSet& set = *state_->set;
  const double cells = static_cast<double>(set.scored_rows().size()) * set.output_count();
  const double share = std::min(1.0, cells * kUsualMembers / static_cast<double>(kStackCells));
  const double seconds = kStackSeconds * share;
  const auto limit = config_.budget.time_limit();
  return limit && seconds > kMostShare * *limit ? 0 : seconds;
}

void SweepLead::stack_chosen(const SelectionProblem& problem,
                             const std::vector<Candidate>& candidates, const CrossScores& cross,
                             Chosen& chosen) {
  // Nothing, or nothing that there is time for.
  if (!(stack_seconds() > 0)) return;
  const TrainingSet& set = *state_->set;
  const StopToken stop(state_->request.clock, state_->budget.select_deadline_ns());
  const auto check = check_stack(problem, cross, stop);
  if (!check) return;
  chosen.stack_check = *check;
  const bool wanted = config_.ensemble.stacking == "true"
                          ? set.metric().is_better(check->stacked, check->average)
                          : check->approves();
  note(fmt::format("stacking {} the average: {} {}", wanted ? "replaces" : "does not replace",
                   set.metric().name(), check->text()));
  if (!wanted) return;
  std::vector<double> average(candidates.size(), 0.0);
  for (const Member& member : chosen.members) {
    const auto at = std::find_if(
        candidates.begin(), candidates.end(),
        [&](const Candidate& candidate) { return candidate.trial == member.candidate.trial; });
    if (at == candidates.end()) return;
    average[static_cast<size_t>(at - candidates.begin())] = member.weight;
  }
  const auto stack = fit_stack(problem, average, stop);
  if (!stack) {
    note("no stacking: " + stack.error().message);
    return;
  }
  std::vector<Member> members;
  double sum = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (!(stack->weights[i] > 0)) continue;
    members.push_back({candidates[i], stack->weights[i]});
    sum += stack->weights[i];
  }
  std::vector<float> predictions(chosen.predictions.size());
  stack_predictions(problem.candidates, *stack, predictions);
  const auto score = set.score(predictions);
  if (!score) return;
  const TargetScale& frame = set.data().frame;
  chosen.members = std::move(members);
  // Values are offset + scale * number.
  chosen.stack_bias = stack->of_classes ? 0 : frame.offset * (1 - sum) + frame.scale * stack->bias;
  chosen.predictions = std::move(predictions);
  chosen.selection_score = *score;
  chosen.score = check->stacked;
}

}  // namespace assay::automl
