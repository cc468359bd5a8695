// Asynchronous Hyperband (Li, Jamieson, DeSalvo, Rostamizadeh, Talwalkar: "Hyperband", JMLR 18,
// 2018; asynchronous as in Li, Jamieson et al., MLSys 2020): successive halving that also doubts
// its own early comparisons. Each trial belongs to a bracket, drawn from its seed; in bracket s, of
// s = 0 .. brackets - 1, it is compared at the last s rungs only, so that bracket 0 is never given
// up. Bracket s is drawn in proportion to eta^s / (s + 1), which gives all brackets about the
// same work. With 1 bracket there is only the one that is compared at every rung.
#pragma once

#include "automl/search/asha_pruner.h"

namespace assay::automl {

class HyperbandPruner final : public Pruner {
 public:
  // `eta` >= 2; `brackets` in 1..kRungCount + 1.
  HyperbandPruner(int64_t eta, int64_t brackets)
      : halving_(eta), eta_(eta), brackets_(static_cast<int>(brackets)) {}
  bool should_stop(const TrialResult& trial, const RungValue& value,
                   const HistoryView& history) const override;

  // In 0..brackets - 1.
  int bracket_of(const TrialSpec& trial) const;

 private:
  AshaPruner halving_;
  int64_t eta_;
  int brackets_;
};

}  // namespace assay::automl
