// What is tried between the defaults and the search: settings that did well in earlier sweeps on
// the same table, then the portfolio.
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "automl/scheduler/earlier_settings.h"
#include "automl/scheduler/sweep_lead_internal.h"
#include "automl/search/learner_search.h"
#include "automl/search/portfolio.h"
#include "tracking/run_query.h"

namespace assay::automl {

std::vector<WantedSetting> SweepLead::earlier_ones() {
  const std::string& mode = config_.search.earlier_runs;
  if (mode == "false" || (mode == "auto" && !state_->budget.timed())) return {};
  EarlierSweeps wanted;
  wanted.content_hash = state_->record.dataset.content_hash;
  wanted.target = config_.data.target;
  wanted.metric = outcome_.metric;
  wanted.maximise = state_->set->metric().maximise();
  wanted.limits = state_->limits;
  if (wanted.content_hash.empty()) return {};
  // A process that goes on looks at what its run looked at when it began.
  const auto own = tracking::find_run(*state_->request.workspace, parent_->id());
  if (!own) return {};
  wanted.before_ns = own->created_ns;
  const auto found = earlier_settings(*state_->request.workspace, wanted);
  if (!found) {
    note("settings of earlier runs are not tried: " + found.error().message);
    return {};
  }
  std::vector<WantedSetting> settings;
  for (const EarlierSetting& setting : *found) {
    settings.push_back({setting.learner, setting.params});
  }
  return settings;
}

std::optional<double> SweepLead::seconds_as_it_is(const TimePlan& plan,
                                                  const WantedSetting& setting) const {
  const Learner& learner = *find_by_name(setting.learner);
  ParamMap params = setting.params;
  const Status shortened = plan.shorten(learner, fixed_params(setting.learner), params);
  if (!shortened || params != setting.params) return std::nullopt;
  const auto seconds = plan.seconds(learner, params);
  return seconds ? std::optional(*seconds) : std::nullopt;
}

Result<std::vector<WantedSetting>> SweepLead::portfolio_ones(
    const TimePlan& plan, std::span<const PlannedDefault> defaults,
    std::span<const SearchLearner> learners) const {
  std::vector<WantedSetting> settings;
  if (!config_.search.portfolio) return settings;
  std::vector<OptionGroup> groups;
  for (const Learner* learner : learner_list()) groups.push_back(learner->options());
  ASSAY_ASSIGN_OR_RETURN(const auto all, read_portfolio(shipped_portfolio(), "portfolio", groups));
  std::vector<double> seconds;
  for (WantedSetting& setting : settings_within(all, learners)) {
    const auto taken = seconds_as_it_is(plan, setting);
    if (!taken) continue;
    settings.push_back(std::move(setting));
    seconds.push_back(*taken);
  }
  if (!state_->budget.timed()) return settings;
  double left = state_->budget.seconds_left() * slots_.slots;
  for (const PlannedDefault& first : defaults) left -= first.seconds;
  std::vector<WantedSetting> affordable;
  for (const size_t place : within_seconds(seconds, kPortfolioShare * left)) {
    affordable.push_back(std::move(settings[place]));
  }
  return affordable;
}

Status SweepLead::want_settings(const TimePlan& plan, std::span<const PlannedDefault> defaults,
                                LearnerSearch& search) {
  if (const size_t count = search.want(earlier_ones()); count > 0) {
    note(fmt::format("{} setting{} of earlier runs on this table {} tried after the defaults",
                     count, count == 1 ? "" : "s", count == 1 ? "is" : "are"));
  }
  ASSAY_ASSIGN_OR_RETURN(const auto portfolio, portfolio_ones(plan, defaults, search.learners()));
  search.want(portfolio);
  return {};
}

}  // namespace assay::automl
