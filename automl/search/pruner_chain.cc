#include "automl/search/pruner_chain.h"

#include <algorithm>
#include <utility>

#include "automl/search/hyperband_pruner.h"
#include "automl/search/wilcoxon_pruner.h"

namespace assay::automl {

bool PrunerChain::should_stop(const TrialResult& trial, const RungValue& value,
                              const HistoryView& history) const {
  return std::any_of(pruners_.begin(), pruners_.end(), [&](const std::unique_ptr<Pruner>& pruner) {
    return pruner->should_stop(trial, value, history);
  });
}

std::unique_ptr<Pruner> make_pruner(const SearchOptions& options) {
  std::vector<std::unique_ptr<Pruner>> pruners;
  if (options.halving) {
    pruners.push_back(std::make_unique<HyperbandPruner>(options.eta, options.brackets));
  }
  if (options.fold_test > 0) pruners.push_back(std::make_unique<WilcoxonPruner>(options.fold_test));
  if (pruners.empty()) return nullptr;
  return std::make_unique<PrunerChain>(std::move(pruners));
}

}  // namespace assay::automl
