// Random search with a sensible start: baseline, then the default setting of each learner in the
// order given, then settings drawn from the learners' spaces. Which learner is drawn depends on how
// much its trials cost and how lately they improved (the estimated cost for improvement of FLAML:
// Wang, Wu, Weimer, Zhu, MLSys 2021) and on its rank by best loss.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "automl/search/search.h"

namespace assay::automl {

class RandomSearch final : public Search {
 public:
  // `learners` in the order in which their defaults are tried; at least one.
  RandomSearch(std::vector<SearchLearner> learners, uint64_t seed);
  std::optional<TrialSpec> propose(int64_t number, const HistoryView& history) override;

 private:
  size_t choose_learner(int64_t number, const HistoryView& history) const;
  std::optional<TrialSpec> draw(int64_t number, size_t learner);

  std::vector<SearchLearner> learners_;
  uint64_t seed_;
  size_t defaults_proposed_ = 0;
  // Texts of learner and parameters proposed so far: a setting is not tried twice.
  std::set<std::string> proposed_;
  std::vector<bool> exhausted_;  // by learner: drawing found nothing new
};

}  // namespace assay::automl
