// The registered model's score, for rows that did not choose it. Weights that are best on the
// validation rows are flattered there, and so is the best of many trials, the more so the fewer
// rows and the more trials there are. So the choice is made twice more, on each half of the rows,
// and scored on the other (ensemble/cross_selection.h).
//
// Example: of 30 models of noise, the best has an accuracy of 0.62 on 60 rows. The best ones on
// each half have 0.66 there and 0.49 on the other halves: 0.13 of the 0.62 were luck.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "automl/ensemble/cross_selection.h"
#include "automl/scheduler/sweep_lead_internal.h"

namespace assay::automl {
namespace {

// From so many validation rows on what a choice gains on them by chance is nothing.
constexpr int64_t kManyRows = 10'000;

}  // namespace

void SweepLead::estimate(Chosen& chosen) {
  if (chosen.members.size() < 2) {
    estimate_single(chosen);
    return;
  }
  const TrainingSet& set = *state_->set;
  const std::string_view metric = set.metric().name();
  std::string reason = chosen.gave_way ? "members were taken away to keep to the constraints"
                                       : "there was no time to choose them on a part of the rows";
  if (chosen.selected) {
    const std::string_view scored = set.in_time() ? "the later" : "each";
    const std::string_view chose = set.in_time() ? "the earlier" : "the other";
    const std::vector<Candidate> usable = usable_candidates();
    const std::vector<PredictionView> views = views_of(usable, set.output_count());
    const StopToken stop(state_->request.clock, state_->budget.select_deadline_ns());
    SelectionProblem problem = selection_problem(set, views);
    const std::vector<Allowance> allowed = allowances(usable);
    problem.allowances = allowed;
    const auto scores = cross_selected_scores(problem, selection_options(), *executor_, stop);
    if (scores && set.metric().is_better(scores->single, scores->blend)) {
      note(
          fmt::format("no ensemble: {} half of the validation rows scored with what was chosen on "
                      "{}, the best trial alone has {} {:.6g} and a blend {:.6g}",
                      scored, chose, metric, scores->single, scores->blend));
      chosen = alone(usable[0]);
      take_off_gain(problem, *scores, chosen);
      return;
    }
    if (scores) {
      chosen.selection_score = std::exchange(chosen.score, scores->blend);
      note(
          fmt::format("ensemble: {} {:.6g}, {} half of the validation rows predicted with "
                      "weights chosen on {} ({:.6g} on the rows they were chosen on)",
                      metric, chosen.score, scored, chose, *chosen.selection_score));
      if (set.metric().is_better(usable[0].score, chosen.score)) {
        note(
            fmt::format("the best trial's {:.6g} is that of the best of {} on these rows; chosen "
                        "and scored as the ensemble was, the best trial has {:.6g}",
                        usable[0].score, usable.size(), scores->single));
      }
      stack_chosen(problem, usable, *scores, chosen);
      return;
    }
    if (scores.error().code != StatusCode::kCancelled) reason = scores.error().message;
  }
  // Many rows cannot be flattered by a few weights.
  if (static_cast<int64_t>(set.scored_rows().size()) >= kManyRows) return;
  note(
      fmt::format("warning: the ensemble's {} {:.6g} is on the rows its weights were chosen on "
                  "and flatters it: {}",
                  metric, chosen.score, reason));
}

void SweepLead::estimate_single(Chosen& chosen) {
  // Not all rows were predicted: there was no time for a choice.
  if (!chosen.places.empty()) return;
  std::vector<Candidate> usable = usable_candidates();
  const auto at = std::find_if(usable.begin(), usable.end(), [&](const Candidate& candidate) {
    return candidate.trial == chosen.members[0].candidate.trial;
  });
  // Better ones could not be had.
  usable.erase(usable.begin(), at);
  if (usable.size() < 2) return;
  const TrainingSet& set = *state_->set;
  const std::vector<PredictionView> views = views_of(usable, set.output_count());
  const StopToken stop(state_->request.clock, state_->budget.select_deadline_ns());
  const SelectionProblem problem = selection_problem(set, views);
  SelectionOptions options = selection_options();
  options.iterations = 1;
  const auto scores = cross_selected_scores(problem, options, *executor_, stop);
  if (scores) {
    take_off_gain(problem, *scores, chosen);
    return;
  }
  if (static_cast<int64_t>(set.scored_rows().size()) >= kManyRows) return;
  note(
      fmt::format("trial {}'s {} {:.6g} is that of the best of {} on these rows and flatters it: "
                  "{}",
                  usable[0].trial, set.metric().name(), chosen.score, usable.size(),
                  scores.error().code == StatusCode::kCancelled
                      ? "there was no time to choose on a part of the rows"
                      : scores.error().message));
}

// Both scores are taken in the same way, so that where each half chooses this trial, too, nothing
// is taken off, whatever the metric.
void SweepLead::take_off_gain(const SelectionProblem& problem, const CrossScores& cross,
                              Chosen& chosen) {
  const Metric& metric = state_->set->metric();
  const Candidate& single = chosen.members[0].candidate;
  const auto own = cross_score(problem, cross.halves, *single.predictions);
  if (!own) return;
  chosen.selection_score = chosen.score;
  if (!metric.is_better(*own, cross.single)) return;
  chosen.score += cross.single - *own;
  note(fmt::format(
      "trial {}: {} {:.6g}, {} half of the validation rows predicted by the trial that is the "
      "best of {} on {} ({:.6g} on the rows it was chosen on)",
      single.trial, metric.name(), chosen.score, problem.in_time ? "the later" : "each",
      problem.candidates.size(), problem.in_time ? "the earlier" : "the other",
      *chosen.selection_score));
}

}  // namespace assay::automl
