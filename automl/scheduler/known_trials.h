// KnownTrials: what an earlier process of the same sweep made of its trials, by number. It stands
// before the running of trials: a proposal whose outcome is known is answered from here, and
// search, pruning and ensemble are told of it as of any other, so that they come to the state in
// which the earlier process left them. In logical mode proposals follow from results alone, so they
// are those of the earlier process; a proposal that is not (another release, say) is not known.
//
// Immutable after construction; thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "automl/scheduler/trial.h"
#include "automl/scheduler/trial_archive.h"
#include "automl/search/trial_spec.h"
#include "automl/validation/training_set.h"
#include "kernels/base/status.h"
#include "tracking/workspace.h"

namespace assay::automl {

class KnownTrials {
 public:
  KnownTrials() = default;
  // The trials of a sweep, from their runs: of several runs of one number the last one.
  // Fails: io. A run that cannot be read is not known.
  static Result<KnownTrials> load(tracking::Workspace& workspace, const std::string& sweep_run_id);

  // The outcome, with model and predictions where the archive has them. `exact`: only if the
  // proposal is the one that was recorded.
  std::optional<TrialOutcome> find(const TrialSpec& spec, bool exact, const TrainingSet& set,
                                   const TrialArchive& archive) const;

  // How many folds a trial was fitted on; nothing if it is not known.
  std::optional<size_t> folds_of(int64_t number) const;
  // In order of numbers.
  std::vector<TrialSpec> specs() const;
  int64_t size() const { return static_cast<int64_t>(trials_.size()); }
  int64_t last() const { return trials_.empty() ? -1 : trials_.rbegin()->first; }
  // When the last of them ended, since the sweep's start.
  double ended_seconds() const;

 private:
  std::map<int64_t, TrialOutcome> trials_;
};

}  // namespace assay::automl
