// With a holdout, what is registered has not seen a part of the rows. At the end the members are
// trained anew on all of them, those of most weight first, with the settings and the number of
// steps that the held-out rows chose; weights, calibration, threshold and score stay. While the
// search goes on, time is kept back for the best few.
#include <algorithm>
#include <cmath>
#include <memory>
#include <new>
#include <numeric>
#include <utility>

#include "automl/config/units.h"
#include "automl/models/level_targets.h"
#include "automl/scheduler/sweep_lead_internal.h"
#include "kernels/base/rng.h"
#include "kernels/usage.h"

namespace assay::automl {
namespace {

// Time is kept for as many of the best trials as take this share of it together; for one, if that
// takes no more than Budget::kRefitShare. The better one weighs more in what is registered, so
// where it has to stay as it is, no time is kept for those behind it.
constexpr size_t kMostKept = 4;
constexpr double kSeveralShare = 0.2;
// Of the predicted time: a fit that is not done in time is lost.
constexpr double kCare = 1.15;

}  // namespace

bool SweepLead::refits() const {
  return config_.validation.refit && state_->set->is_holdout() && !state_->start;
}

double SweepLead::refit_seconds(int64_t trial) const {
  const Fold& fold = state_->set->folds().front();
  const auto trained = static_cast<double>(fold.train_rows.size());
  const auto all = trained + static_cast<double>(fold.valid_rows.size());
  // A refit has the threads and the device of all slots, which fits gain less by than that.
  const double gained = std::sqrt(static_cast<double>(slots_.slots));
  return kCare * state_->queue->fit_seconds(trial) * all / trained / gained;
}

void SweepLead::forecast_refit() {
  Budget& budget = state_->budget;
  if (!budget.timed() || !refits()) return;
  const int64_t finished = state_->queue->counts().finished;
  if (std::exchange(refit_trials_, finished) == finished) return;
  const double limit = *config_.budget.time_limit();
  // A good model that came late has no refit: trials under way would be lost for it.
  const double room = budget.refit_room();
  std::vector<Candidate> candidates = state_->queue->candidates();
  const size_t most = config_.ensemble.enabled ? kMostKept : 1;
  if (candidates.size() > most) candidates.resize(most);
  double kept = 0;
  for (const Candidate& candidate : candidates) {
    const double seconds = refit_seconds(candidate.trial);
    const double share = kept == 0 ? Budget::kRefitShare : kSeveralShare;
    if (kept + seconds > std::min(share * limit, room)) break;
    kept += seconds;
  }
  budget.expect_refit(kept);
}

bool SweepLead::has_memory_for_refit(const Candidate& candidate) const {
  const TrainingSet& set = *state_->set;
  const TrialSpec spec = state_->queue->spec_of(candidate.trial);
  DataShape shape = set.shape();
  shape.train_count += shape.valid_count;
  shape.valid_count = 0;
  const auto planned = find_by_name(spec.learner)->planned_bytes(shape, spec.params, threads_);
  const int64_t levels = set.level_targets(0) != nullptr ? set.level_bytes() : 0;
  return planned && planned->fit + levels <= memory_plan(threads_).trial_bytes();
}

Result<std::shared_ptr<const Model>> SweepLead::fit_on(const TrainingSet::AllRows& all,
                                                       const Candidate& candidate,
                                                       const StopToken& stop) const try {
  const TrialSpec spec = state_->queue->spec_of(candidate.trial);
  const Learner& learner = *find_by_name(spec.learner);
  FitRequest request;
  request.data = &all.data;
  request.train_rows = all.rows;
  request.params = spec.params;
  request.seed = derive_seed(spec.seed, "all rows");
  const int64_t steps = candidate.model->refit_steps();
  if (steps > 0) request.params[std::string(learner.step_option())] = steps;
  const kernels::ComputeContext fit_context = context(stop);
  const kernels::UsageScope scope(&state_->usage);
  ASSAY_ASSIGN_OR_RETURN(FitResult fitted, learner.fit(request, fit_context));
  if (fitted.truncated) return fail(StatusCode::kCancelled, "the time was up");
  if (all.targets == nullptr) return std::shared_ptr<const Model>(std::move(fitted.model));
  return LevelTargetModel::wrap(std::move(fitted.model), all.targets);
} catch (const std::bad_alloc&) {
  return fail(StatusCode::kResourceExhausted, "there was no memory for more");
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
  const Clock& clock = *state_->request.clock;
  const int64_t deadline_ns = state_->budget.refit_deadline_ns();
  const StopToken stop(&clock, deadline_ns, state_->request.stop);
  std::vector<size_t> order(chosen.members.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return chosen.members[a].weight > chosen.members[b].weight;
  });
  Chosen fitted = chosen;
  std::unique_ptr<TrainingSet::AllRows> all;  // made when something is fitted on them
  std::string reason;
  for (const size_t at : order) {
    Candidate& candidate = fitted.members[at].candidate;
    const double left = static_cast<double>(deadline_ns - clock.now_ns()) * 1e-9;
    // The time is for nothing else, and a fit that is not done by then costs nothing more.
    if (state_->budget.timed() && refit_seconds(candidate.trial) / kCare > left) {
      reason = "there was no time for more";
      continue;
    }
    if (!has_memory_for_refit(candidate)) {
      reason = "there was no memory for more";
      continue;
    }
    if (all == nullptr) {
      auto made = state_->set->all_rows(context(stop));
      if (!made) {
        reason = made.error().message;
        break;
      }
      all = std::move(*made);
    }
    auto model = fit_on(*all, candidate, stop);
    if (!model) {
      reason = model.error().message;
      if (model.error().code == StatusCode::kCancelled) break;
      continue;
    }
    candidate.model = std::move(*model);
    fitted.members[at].refitted = true;
    progress(SweepPhase::kRefitting);
  }
  if (fitted.refitted() > 0) {
    if (const Status kept = check_refitted(fitted); !kept) {
      fitted = chosen;
      reason = kept.error().message;
    }
  }
  chosen = std::move(fitted);
  outcome_.refitted = chosen.refitted();
  note(fmt::format("refit on all {} rows: {} of {} models{}; the score is that on held-out rows",
                   state_->set->target().rows.size(), outcome_.refitted, chosen.members.size(),
                   reason.empty() ? "" : " (" + reason + ")"));
}

}  // namespace assay::automl
