// What is registered has not seen a part of the rows, or is the average of folds' models, each of
// which has not. At the end the members are trained anew on all rows, those of most weight first,
// with the settings and the number of steps that rows out of the fit chose; weights, calibration,
// threshold and score stay. In the place of several folds' models, whose average evens out what
// seeds do, there are several fits by other seeds, as far as there is time.
#include <algorithm>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "automl/config/units.h"
#include "automl/models/average_model.h"
#include "automl/models/level_targets.h"
#include "automl/scheduler/sweep_lead_internal.h"
#include "kernels/base/rng.h"
#include "kernels/usage.h"

namespace assay::automl {

// A member's fits on all rows.
struct SweepLead::Refit {
  size_t place = 0;  // of the member
  const Candidate* candidate = nullptr;
  int wanted = 1;
  int64_t steps = 0;  // 0: as many as its parameters say
  std::vector<std::shared_ptr<const Model>> models;
  std::optional<Error> error;  // of the fit after these
};

Result<std::shared_ptr<const Model>> SweepLead::fit_on_all(
    const TrainingSet::AllRows& all, const Refit& member,
    const kernels::ComputeContext& context) const try {
  const TrialSpec spec = state_->queue->spec_of(member.candidate->trial);
  const Learner& learner = *find_by_name(spec.learner);
  FitRequest request;
  request.data = &all.data;
  request.train_rows = all.rows;
  request.params = spec.params;
  request.seed = derive_seed(spec.seed, "all rows", member.models.size());
  if (member.steps > 0) request.params[std::string(learner.step_option())] = member.steps;
  const kernels::UsageScope scope(&state_->usage);
  ASSAY_ASSIGN_OR_RETURN(FitResult fitted, learner.fit(request, context));
  if (fitted.truncated) return fail(StatusCode::kCancelled, "the time was up");
  if (all.targets == nullptr) return std::shared_ptr<const Model>(std::move(fitted.model));
  return LevelTargetModel::wrap(std::move(fitted.model), all.targets);
} catch (const std::bad_alloc&) {
  return fail(StatusCode::kResourceExhausted, "there was no memory for more");
}

// A fit that did not come off, a network's say, is nothing that early stopping sees here. What is
// half-way from the score out of the fit to the baseline's, on rows that it was trained on, did
// not.
Status SweepLead::check_learnt(const Candidate& candidate, const Model& model,
                               const kernels::ComputeContext& context) const {
  const TrainingSet& set = *state_->set;
  std::vector<float> out(set.scored_rows().size() * static_cast<size_t>(set.output_count()));
  ASSAY_RETURN_IF_ERROR(
      model.predict(*set.data().features, set.scored_rows(), context, out, set.data().frame));
  ASSAY_ASSIGN_OR_RETURN(const double score, set.score(out));
  const double least =
      (set.metric().loss_of(candidate.score) + set.metric().loss_of(baseline_score_)) / 2;
  if (set.metric().loss_of(score) <= std::max(least, set.metric().loss_of(candidate.score))) {
    return {};
  }
  return fail(StatusCode::kData, "a fit came off badly: {} {:.6g} on rows that it was trained on",
              set.metric().name(), score);
}

std::vector<SweepLead::Refit> SweepLead::planned_refits(const Chosen& chosen) const {
  // In logical mode what fits must not depend on how many threads there are.
  const int threads = state_->budget.logical() ? 1 : threads_;
  std::vector<Refit> members;
  for (const size_t place : chosen.heaviest_first()) {
    Refit& member = members.emplace_back();
    member.place = place;
    member.candidate = &chosen.members[place].candidate;
    member.wanted = wanted_refits(member.candidate->trial);
    member.steps = steps_of_refit(*member.candidate);
    if (planned_refit_bytes(member.candidate->trial, threads) > refit_bytes()) {
      member.error = {StatusCode::kResourceExhausted, "there was no memory for more"};
    }
  }
  return members;
}

// The time is for nothing else, and a fit that is not done by the deadline costs nothing more.
bool SweepLead::may_begin(Refit& member, const StopToken& stop) const {
  if (member.error) return false;
  const double needed = refit_seconds(member.candidate->trial) / kRefitCare;
  if (!stop.requested() && needed <= stop.seconds_left()) return true;
  member.error = {StatusCode::kCancelled, "there was no time for more"};
  return false;
}

// One more fit of each that wants it and has got what it wanted before.
void SweepLead::refit_round(const TrainingSet::AllRows& all, size_t number, const StopToken& stop,
                            std::vector<Refit>& members) {
  std::vector<Refit*> due;
  int64_t most_bytes = 1;
  for (Refit& member : members) {
    if (member.error || number >= static_cast<size_t>(member.wanted)) continue;
    due.push_back(&member);
    most_bytes = std::max(most_bytes, planned_refit_bytes(member.candidate->trial, 1));
  }
  const auto fit = [&](Refit& member, const kernels::ComputeContext& context) {
    if (!may_begin(member, stop)) return;
    auto model = fit_on_all(all, member, context);
    if (!model) {
      member.error = std::move(model.error());
      return;
    }
    if (Status learnt = check_learnt(*member.candidate, **model, context); !learnt) {
      member.error = std::move(learnt.error());
      return;
    }
    member.models.push_back(std::move(*model));
  };
  const kernels::ComputeContext all_threads = context(stop);
  const auto at_once = std::min<int64_t>(refits_at_once(), std::ssize(due));
  if (at_once > 1 && at_once * most_bytes <= refit_bytes()) {
    const Status done = executor_->parallel_for(std::ssize(due), [&](int64_t at, int) {
      SerialExecutor serial;
      kernels::ComputeContext one_thread = all_threads;
      one_thread.executor = &serial;
      fit(*due[static_cast<size_t>(at)], one_thread);
    });
    if (!done) note("warning: refit on all rows: " + done.error().message);
    return progress(SweepPhase::kRefitting);
  }
  for (Refit* const member : due) {
    fit(*member, all_threads);
    progress(SweepPhase::kRefitting);
  }
}

Status SweepLead::check_refitted(const Chosen& chosen) {
  if (byte_count(chosen) > state_->budget.affordable_bytes()) {
    return fail(StatusCode::kBudgetTooSmall, "there is no time to save {}",
                rounded_bytes(byte_count(chosen)));
  }
  if (!state_->limits.any()) return {};
  ASSAY_ASSIGN_OR_RETURN(const Predictor predictor, make_predictor(chosen));
  ASSAY_ASSIGN_OR_RETURN(const ModelFootprint footprint, footprint_of(*state_, predictor));
  if (const std::string breach = state_->limits.breach(footprint); !breach.empty()) {
    return fail(StatusCode::kConfig, "{}", breach);
  }
  outcome_.footprint = footprint;
  return {};
}

void SweepLead::refit(Chosen& chosen) {
  if (!refits() || user_stopped() || !outcome_.kept_partial.empty()) return;
  if (chosen.members.size() == 1 && chosen.members[0].candidate.trial == 0) return;
  progress(SweepPhase::kRefitting);
  const StopToken stop(state_->request.clock, state_->budget.refit_deadline_ns(),
                       state_->request.stop);
  std::vector<Refit> members = planned_refits(chosen);
  std::string reason;
  const auto may = std::count_if(members.begin(), members.end(),
                                 [&](Refit& member) { return may_begin(member, stop); });
  if (may > 0) {
    const auto all = state_->set->all_rows(context(stop));
    if (!all) reason = all.error().message;
    for (size_t number = 0; all && number < size_t{kFitsForFolds}; ++number) {
      refit_round(**all, number, stop, members);
    }
  }
  Chosen fitted = chosen;
  size_t fits = 0;
  for (Refit& member : members) {
    if (member.models.empty()) {
      if (member.error) reason = member.error->message;
      continue;
    }
    fits += member.models.size();
    auto model = average_of(std::move(member.models));
    if (!model) {
      reason = model.error().message;
      continue;
    }
    fitted.members[member.place].candidate.model = std::move(*model);
    fitted.members[member.place].refitted = true;
  }
  if (fitted.refitted() > 0) {
    if (const Status kept = check_refitted(fitted); !kept) {
      fitted = chosen;
      reason = kept.error().message;
    }
  }
  chosen = std::move(fitted);
  outcome_.refitted = chosen.refitted();
  const auto refitted = static_cast<size_t>(outcome_.refitted);
  note(fmt::format("refit on all {} rows: {} of {} models{}{}; the score is that on held-out rows",
                   state_->set->target().rows.size(), refitted, chosen.members.size(),
                   refitted > 0 && fits > refitted ? fmt::format(" by {} fits", fits) : "",
                   reason.empty() ? "" : " (" + reason + ")"));
}

}  // namespace assay::automl
