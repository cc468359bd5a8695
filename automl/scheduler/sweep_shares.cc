// Halving by rows: which shares of the training rows settings are fitted on before they are fitted
// on all of them. Decided by the config and the table alone, so that a process that goes on with
// the run chooses the same.
#include <string>

#include "automl/scheduler/sweep_lead_internal.h"
#include "kernels/base/rng.h"

namespace assay::automl {

void SweepLead::choose_shares() {
  const SearchOptions& search = config_.search;
  const bool wanted = search.fidelity == "rows" || search.fidelity == "both";
  // A fit on a share would go on from a model that has seen all rows.
  if (!search.halving || !wanted || state_->start) return;
  const TrainingSet& set = *state_->set;
  state_->row_shares = row_shares(set, search.eta, kRungCount,
                                  derive_seed(static_cast<uint64_t>(config_.run.seed), "shares"));
  std::string text;
  for (const RowShare& share : state_->row_shares) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", share.rows.size());
  }
  if (text.empty()) {
    note(fmt::format("search.fidelity {}: {}", search.fidelity,
                     set.is_holdout() ? "there are too few rows to fit on shares of them"
                                      : "with folds halving is by folds"));
    return;
  }
  note(fmt::format("search.fidelity {}: settings are fitted on {} of {} rows first",
                   search.fidelity, text, set.folds().front().train_rows.size()));
}

}  // namespace assay::automl
