// Large models of candidates are in the archive's files while trials run (trial_archive.h). The few
// that are chosen are read back at the end. A file that was lost or damaged meanwhile costs its
// candidate and a second choice, no more.
#include <algorithm>

#include "automl/scheduler/sweep_lead_internal.h"

namespace assay::automl {

bool SweepLead::hold_models(Chosen& chosen) {
  bool all = true;
  for (Member& member : chosen.members) {
    Candidate& candidate = member.candidate;
    if (candidate.model != nullptr) continue;
    candidate.model = stored_model(candidate);
    if (candidate.model != nullptr) continue;
    all = false;
    // One that had to leave the pool meanwhile has no file any more.
    const std::vector<Candidate> now = state_->queue->candidates();
    const bool wanted = std::any_of(now.begin(), now.end(), [&](const Candidate& each) {
      return each.trial == candidate.trial;
    });
    if (!wanted) continue;
    tell_loss(
        fmt::format("warning: the model of trial {} is left out: its file among those of "
                    "the run was lost or damaged",
                    candidate.trial));
    state_->queue->forget(candidate.trial);
  }
  return all;
}

void SweepLead::share_models(const Chosen& from, Chosen& to) {
  for (Member& member : to.members) {
    const auto same = std::find_if(
        from.members.begin(), from.members.end(),
        [&](const Member& each) { return each.candidate.trial == member.candidate.trial; });
    if (same != from.members.end()) member.candidate.model = same->candidate.model;
  }
}

std::shared_ptr<const Model> SweepLead::stored_model(const Candidate& candidate) const {
  TrialOutcome outcome;
  outcome.result.spec = state_->queue->spec_of(candidate.trial);
  outcome.score = candidate.score;
  return state_->archive->load(*state_->set, outcome) ? outcome.model : nullptr;
}

Result<SweepLead::Chosen> SweepLead::choose() {
  for (;;) {
    if (state_->queue->pool().candidates().empty()) {
      return fail(StatusCode::kData, "the files of all models were lost");
    }
    ASSAY_ASSIGN_OR_RETURN(Chosen chosen, choose_members());
    ASSAY_RETURN_IF_ERROR(fit_save_time(chosen));
    ASSAY_ASSIGN_OR_RETURN(const bool whole, settle(chosen));
    if (whole) return chosen;
  }
}

}  // namespace assay::automl
