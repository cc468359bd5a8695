#include "automl/scheduler/known_trials.h"

#include <algorithm>
#include <utility>

#include "automl/scheduler/trial_record.h"
#include "tracking/run_file.h"
#include "tracking/run_query.h"

namespace assay::automl {

Result<KnownTrials> KnownTrials::load(tracking::Workspace& workspace,
                                      const std::string& sweep_run_id) {
  tracking::RunFilter filter;
  filter.kind = "trial";
  filter.parent_run_id = sweep_run_id;
  ASSAY_ASSIGN_OR_RETURN(const tracking::RunList list, tracking::list_runs(workspace, filter));
  KnownTrials known;
  // The newest come first, and the first of a number stays.
  for (const tracking::RunInfo& info : list.runs) {
    const auto record =
        tracking::read_run(workspace.files(), tracking::run_file_of(workspace, info.run_id));
    if (!record) continue;
    if (auto outcome = read_trial(*record)) {
      const int64_t number = outcome->result.spec.number;
      known.trials_.emplace(number, std::move(*outcome));
    }
  }
  return known;
}

std::optional<TrialOutcome> KnownTrials::find(const TrialSpec& spec, bool exact,
                                              const TrainingSet& set,
                                              const TrialArchive& archive) const {
  const auto at = trials_.find(spec.number);
  if (at == trials_.end()) return std::nullopt;
  const TrialSpec& recorded = at->second.result.spec;
  const bool same = recorded.learner == spec.learner && recorded.origin == spec.origin &&
                    recorded.seed == spec.seed && recorded.params == spec.params;
  if (exact && !same) return std::nullopt;
  TrialOutcome outcome = at->second;
  if (has_score(outcome.result.status)) (void)archive.load(set, outcome);
  return outcome;
}

std::optional<size_t> KnownTrials::folds_of(int64_t number) const {
  const auto at = trials_.find(number);
  if (at == trials_.end()) return std::nullopt;
  return at->second.folds.size();
}

std::vector<TrialSpec> KnownTrials::specs() const {
  std::vector<TrialSpec> specs;
  for (const auto& [number, outcome] : trials_) specs.push_back(outcome.result.spec);
  return specs;
}

double KnownTrials::ended_seconds() const {
  double last = 0;
  for (const auto& [number, outcome] : trials_) last = std::max(last, outcome.ended_seconds);
  return last;
}

}  // namespace assay::automl
