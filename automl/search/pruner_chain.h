// Several pruners as one: a trial stops when any of them says so.
#pragma once

#include <memory>
#include <vector>

#include "automl/config/experiment_config.h"
#include "automl/search/search.h"

namespace assay::automl {

class PrunerChain final : public Pruner {
 public:
  explicit PrunerChain(std::vector<std::unique_ptr<Pruner>> pruners)
      : pruners_(std::move(pruners)) {}
  bool should_stop(const TrialResult& trial, const RungValue& value,
                   const HistoryView& history) const override;

 private:
  std::vector<std::unique_ptr<Pruner>> pruners_;
};

// What the config asks for; null if nothing is to be pruned.
std::unique_ptr<Pruner> make_pruner(const SearchOptions& options);

}  // namespace assay::automl
