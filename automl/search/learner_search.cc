#include "automl/search/learner_search.h"

#include <algorithm>
#include <utility>

#include "automl/search/allowed_units.h"
#include "automl/search/draws.h"
#include "automl/search/learner_choice.h"
#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

// How often the sampler is asked for something new, then plain draws, and the greatest finite space
// in which every setting is looked at then.
constexpr int kSampleAttempts = 4;
constexpr int kDrawAttempts = 32;
constexpr int64_t kMostSettings = 100'000;

std::string key_of(const std::string& learner, const ParamMap& params) {
  return learner + " " + params_to_json(params);
}

// Number of settings of a space; 0 if there is no end of them, or of more than kMostSettings.
int64_t setting_count(const SearchSpace& space) {
  int64_t count = 1;
  for (const Dimension& dimension : space.dimensions()) {
    const int64_t levels = dimension.level_count();
    if (levels == 0 || levels > kMostSettings / count) return 0;
    count *= levels;
  }
  return count;
}

std::vector<double> setting_at(const SearchSpace& space, int64_t index) {
  std::vector<double> unit;
  for (const Dimension& dimension : space.dimensions()) {
    const int64_t levels = dimension.level_count();
    const ParamValue value = dimension.choices.empty()
                                 ? ParamValue(static_cast<int64_t>(dimension.low) + index % levels)
                                 : dimension.choices[static_cast<size_t>(index % levels)];
    unit.push_back(dimension.unit_of(value).value_or(0.5));
    index /= levels;
  }
  return unit;
}

// The point of some parameters; what is outside of the space stands in its middle.
std::vector<double> unit_or_middle(const SearchSpace& space, const ParamMap& params) {
  auto unit = space.unit_of(params);
  return unit ? std::move(*unit) : std::vector<double>(space.size(), 0.5);
}

// How far a trial came: rungs of rows stand before those of rounds.
int depth_of(const Rung& rung) {
  return rung.step + (rung.ladder == Rung::Ladder::kRounds ? kRungCount : 0);
}

// What the trial's result says of its point. Not what it cost.
void set_result(const TrialResult& result, SamplePoint& point) {
  using State = SamplePoint::State;
  if (result.status == TrialStatus::kRunning) return;
  if (result.loss && has_score(result.status)) {
    point.state = State::kScored;
    point.loss = *result.loss;
    return;
  }
  point.state = State::kFailed;
  if (result.status != TrialStatus::kPruned) return;
  for (const RungValue& value : result.rungs) {
    if (value.rung.ladder == Rung::Ladder::kSingleFold) continue;
    point.state = State::kPruned;
    point.loss = value.loss;
    point.depth = depth_of(value.rung);
  }
}

}  // namespace

LearnerSearch::LearnerSearch(std::vector<SearchLearner> learners, std::unique_ptr<Sampler> sampler,
                             uint64_t seed)
    : learners_(std::move(learners)),
      sampler_(std::move(sampler)),
      seed_(seed),
      default_proposed_(learners_.size(), false),
      proposed_(learners_.size()),
      exhausted_(learners_.size(), false) {
  std::stable_partition(learners_.begin(), learners_.end(),
                        [](const SearchLearner& learner) { return learner.baseline; });
  for (size_t i = 0; i < learners_.size(); ++i) {
    exhausted_[i] = learners_[i].baseline || learners_[i].space.size() == 0;
  }
}

std::optional<TrialSpec> LearnerSearch::propose(int64_t number, const HistoryView& history) {
  const auto fresh = std::find(default_proposed_.begin(), default_proposed_.end(), false);
  if (fresh != default_proposed_.end()) {
    *fresh = true;
    const auto place = static_cast<size_t>(fresh - default_proposed_.begin());
    const SearchSpace& space = learners_[place].space;
    ParamMap params = space.default_params();
    std::vector<double> unit = unit_or_middle(space, params);
    const auto origin = learners_[place].baseline ? TrialOrigin::kBaseline : TrialOrigin::kDefault;
    return add(number, place, std::move(params), origin, std::move(unit));
  }
  if (auto spec = go_on(number, history)) return spec;
  if (auto spec = stand_in(number, history)) return spec;
  if (auto spec = next_wanted(number, history)) return spec;
  while (std::find(exhausted_.begin(), exhausted_.end(), false) != exhausted_.end()) {
    Rng rng(derive_seed(seed_, "learner", static_cast<uint64_t>(number)));
    const size_t learner =
        weighted_place(learner_weights(learners_, exhausted_, history), rng.next_double());
    if (auto spec = sample(number, learner, history)) return spec;
    exhausted_[learner] = true;
  }
  return std::nullopt;
}

size_t LearnerSearch::place_of(std::string_view name) const {
  const auto at = std::find_if(learners_.begin(), learners_.end(),
                               [&](const auto& learner) { return learner.name == name; });
  return static_cast<size_t>(at - learners_.begin());
}

size_t LearnerSearch::want(const std::vector<WantedSetting>& settings) {
  const size_t before = wanted_.size();
  for (const WantedSetting& setting : settings) {
    const size_t place = place_of(setting.learner);
    if (place == learners_.size() || learners_[place].baseline) continue;
    const SearchSpace& space = learners_[place].space;
    auto unit = space.unit_of(setting.params);
    if (!unit) continue;
    auto params = space.at(*unit);
    if (params) wanted_.push_back({place, std::move(*params), std::move(*unit), setting.origin});
  }
  return wanted_.size() - before;
}

std::optional<ParamMap> LearnerSearch::new_setting(size_t learner, const ParamMap& params,
                                                   const ModelUnits& most) const {
  const SearchLearner& from = learners_[learner];
  std::optional<ParamMap> held = params;
  if (limits_.any() && from.within) held = from.within(params, most);
  if (held && known_.count(key_of(from.name, *held)) > 0) return std::nullopt;
  return held;
}

std::optional<TrialSpec> LearnerSearch::stand_in(int64_t number, const HistoryView& history) {
  for (int64_t i = 0; limits_.any() && i < history.size(); ++i) {
    const TrialResult& broke = history.at(i);
    if (broke.status != TrialStatus::kOverLimit || !stood_in_for_.insert(i).second) continue;
    const size_t place = place_of(broke.spec.learner);
    if (place == learners_.size()) continue;
    const ModelUnits most = allowed_units(learners_[place], limits_, history);
    auto params = new_setting(place, broke.spec.params, most);
    if (!params) continue;
    std::vector<double> unit = unit_or_middle(learners_[place].space, *params);
    return add(number, place, std::move(*params), TrialOrigin::kGuided, std::move(unit));
  }
  return std::nullopt;
}

std::optional<TrialSpec> LearnerSearch::next_wanted(int64_t number, const HistoryView& history) {
  while (wanted_begin_ < wanted_.size()) {
    Wanted& next = wanted_[wanted_begin_++];
    auto params = new_setting(next.learner, next.params,
                              allowed_units(learners_[next.learner], limits_, history));
    if (!params) continue;
    return add(number, next.learner, std::move(*params), next.origin, std::move(next.unit));
  }
  return std::nullopt;
}

std::optional<TrialSpec> LearnerSearch::go_on(int64_t number, const HistoryView& history) {
  for (int64_t i = 0; i < history.size(); ++i) {
    const TrialResult& cut = history.at(i);
    if (cut.status != TrialStatus::kPartial || cut.spec.origin != TrialOrigin::kDefault) continue;
    const size_t place = place_of(cut.spec.learner);
    if (place == learners_.size() || !learners_[place].goes_on) continue;
    if (!continued_.insert(cut.spec.seed).second) continue;
    return TrialSpec{number,        cut.spec.learner,        cut.spec.params,
                     cut.spec.seed, TrialOrigin::kContinued, i};
  }
  return std::nullopt;
}

void LearnerSearch::adopt(const TrialSpec& spec) {
  const size_t place = place_of(spec.learner);
  if (place == learners_.size()) return;
  stood_in_for_.insert(spec.number);
  if (spec.origin == TrialOrigin::kContinued) {
    continued_.insert(spec.seed);
    return;
  }
  const bool first = spec.origin == TrialOrigin::kBaseline || spec.origin == TrialOrigin::kDefault;
  if (first) default_proposed_[place] = true;
  (void)add(spec.number, place, spec.params, spec.origin,
            unit_or_middle(learners_[place].space, spec.params));
}

TrialSpec LearnerSearch::add(int64_t number, size_t learner, ParamMap params, TrialOrigin origin,
                             std::vector<double> unit) {
  known_.insert(key_of(learners_[learner].name, params));
  proposed_[learner].numbers.push_back(number);
  // Where a parameter does not matter, no sampler is to see what was drawn for it.
  proposed_[learner].points.push_back(
      {learners_[learner].space.anchored(std::move(unit)), SamplePoint::State::kOpen, 0, 0});
  return {number, learners_[learner].name, std::move(params),
          derive_seed(seed_, "trial", static_cast<uint64_t>(number)), origin};
}

void LearnerSearch::refresh(size_t learner, const HistoryView& history) {
  Proposed& proposed = proposed_[learner];
  for (size_t i = 0; i < proposed.points.size(); ++i) {
    SamplePoint& point = proposed.points[i];
    if (point.state != SamplePoint::State::kOpen || proposed.numbers[i] >= history.size()) continue;
    const TrialResult& result = history.at(proposed.numbers[i]);
    set_result(result, point);
    if (point.state == SamplePoint::State::kOpen) continue;
    // What the memory, the time or a limit did not allow was made smaller.
    const SearchSpace& space = learners_[learner].space;
    const auto params = space.at(point.unit);
    if (params && *params == result.spec.params) continue;
    if (auto unit = space.unit_of(result.spec.params)) point.unit = std::move(*unit);
  }
}

std::optional<TrialSpec> LearnerSearch::sample(int64_t number, size_t learner,
                                               const HistoryView& history) {
  const SearchLearner& from = learners_[learner];
  refresh(learner, history);
  SampleRequest request;
  request.space = &from.space;
  request.points = proposed_[learner].points;
  request.seed = derive_seed(seed_, from.name);
  request.draw = derive_seed(seed_, "setting", static_cast<uint64_t>(number));
  const ModelUnits most = allowed_units(from, limits_, history);
  const auto origin = sampler_->guided() ? TrialOrigin::kGuided : TrialOrigin::kRandom;
  for (int attempt = 0; attempt < kSampleAttempts; ++attempt) {
    request.attempt = attempt;
    if (auto spec = at_point(number, learner, sampler_->sample(request), origin, most)) return spec;
  }
  return last_ones(number, learner, most);
}

std::optional<TrialSpec> LearnerSearch::at_point(int64_t number, size_t learner,
                                                 std::vector<double> unit, TrialOrigin origin,
                                                 const ModelUnits& most) {
  const auto params = learners_[learner].space.at(unit);
  if (!params) return std::nullopt;
  auto setting = new_setting(learner, *params, most);
  if (!setting) return std::nullopt;
  return add(number, learner, std::move(*setting), origin, std::move(unit));
}

std::optional<TrialSpec> LearnerSearch::last_ones(int64_t number, size_t learner,
                                                  const ModelUnits& most) {
  const SearchSpace& space = learners_[learner].space;
  Rng rng(derive_seed(seed_, "setting", static_cast<uint64_t>(number)));
  const auto at = [&](std::vector<double> unit) {
    return at_point(number, learner, std::move(unit), TrialOrigin::kRandom, most);
  };
  for (int attempt = 0; attempt < kDrawAttempts; ++attempt) {
    if (auto spec = at(draw_point(rng, space.size()))) return spec;
  }
  const int64_t count = setting_count(space);
  if (count == 0) return std::nullopt;
  const auto first = static_cast<int64_t>(rng.below(static_cast<uint64_t>(count)));
  for (int64_t i = 0; i < count; ++i) {
    if (auto spec = at(setting_at(space, (first + i) % count))) return spec;
  }
  return std::nullopt;
}

}  // namespace assay::automl
