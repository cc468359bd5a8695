// The search of a sweep: baseline, then the default setting of each learner in the order given,
// then settings that a sampler proposes in the space of a learner, which is chosen for each trial
// by what its trials cost and bring (learner_choice.h). No setting is tried twice, but that a
// default whose share of the time was too short is gone on with before anything else is tried, once
// all defaults have had theirs: a setting that is known to be good is nearer to a better model than
// a draw that there is as little time for. A trial whose model broke a limit is followed by a
// setting like it that keeps to it. Then come the settings that are wanted, such as those
// that did well in earlier sweeps, and those of the portfolio.
#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "automl/search/footprint_limits.h"
#include "automl/search/sampler.h"
#include "automl/search/search.h"

namespace assay::automl {

class LearnerSearch final : public Search {
 public:
  // `learners` in the order in which their defaults are tried; at least one. `sampler` is owned.
  LearnerSearch(std::vector<SearchLearner> learners, std::unique_ptr<Sampler> sampler,
                uint64_t seed);
  // Settings to try after the defaults, in this order; those that their learner's space does not
  // hold are left out, and what it fixes is as it says. Call before the first proposal; what a
  // further call names comes behind. Gives how many of them there are.
  size_t want(const std::vector<WantedSetting>& settings);
  std::optional<TrialSpec> propose(int64_t number, const HistoryView& history) override;
  // One of a learner that does not take part is passed over.
  void adopt(const TrialSpec& spec) override;
  // Models are to keep to these: what a trial that broke one tells is kept to by all settings that
  // follow, and one that keeps to it comes in its place. Call before the first proposal.
  void keep_to(const FootprintLimits& limits) { limits_ = limits; }
  // As given, the baseline first.
  std::span<const SearchLearner> learners() const { return learners_; }

 private:
  // What was proposed in one learner's space.
  struct Proposed {
    std::vector<int64_t> numbers;
    std::vector<SamplePoint> points;
  };
  TrialSpec add(int64_t number, size_t learner, ParamMap params, TrialOrigin origin,
                std::vector<double> unit);
  // The rest of a default that was cut short.
  std::optional<TrialSpec> go_on(int64_t number, const HistoryView& history);
  // In the place of a trial that broke a limit.
  std::optional<TrialSpec> stand_in(int64_t number, const HistoryView& history);
  // `params`, or the setting like them that keeps to the limits; nothing if there is none, or it
  // was proposed before.
  std::optional<ParamMap> new_setting(size_t learner, const ParamMap& params,
                                      const ModelUnits& most) const;
  // That of a point of the learner's space.
  std::optional<TrialSpec> at_point(int64_t number, size_t learner, std::vector<double> unit,
                                    TrialOrigin origin, const ModelUnits& most);
  // The next wanted one.
  std::optional<TrialSpec> next_wanted(int64_t number, const HistoryView& history);
  size_t place_of(std::string_view learner) const;
  void refresh(size_t learner, const HistoryView& history);
  std::optional<TrialSpec> sample(int64_t number, size_t learner, const HistoryView& history);
  std::optional<TrialSpec> last_ones(int64_t number, size_t learner, const ModelUnits& most);

  std::vector<SearchLearner> learners_;
  std::unique_ptr<Sampler> sampler_;
  uint64_t seed_;
  std::vector<bool> default_proposed_;  // by learner
  std::vector<Proposed> proposed_;      // by learner
  // Texts of learner and parameters proposed so far.
  std::set<std::string> known_;
  std::vector<bool> exhausted_;  // by learner: there is nothing new
  struct Wanted {
    size_t learner = 0;
    ParamMap params;
    std::vector<double> unit;
    TrialOrigin origin = TrialOrigin::kEarlier;
  };
  std::vector<Wanted> wanted_;
  size_t wanted_begin_ = 0;       // those before were proposed
  std::set<uint64_t> continued_;  // seeds of defaults that were gone on with
  FootprintLimits limits_;
  // Trials; an earlier process's among them, whose stand-ins are, too.
  std::set<int64_t> stood_in_for_;
};

}  // namespace assay::automl
