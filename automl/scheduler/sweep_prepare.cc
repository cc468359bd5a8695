// What is decided before the first trial: learners and their spaces, validation, slots, and what
// memory allows.
#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include "automl/scheduler/sweep_lead_internal.h"
#include "automl/search/adopted_search.h"
#include "automl/search/auto_strategy.h"
#include "automl/search/learner_search.h"
#include "automl/search/pruner_chain.h"
#include "automl/validation/feature_screen.h"
#include "datasets/profile.h"
#include "kernels/base/names.h"
#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

constexpr std::string_view kBaselineName = "constant";
// Fits the trees that features are screened with.
constexpr std::string_view kScreenLearner = "gbt";
// Of the time left.
constexpr double kScreenShare = 0.05;
constexpr double kLatestScreenShare = 0.2;
// Larger tables are not profiled: it would eat into the search.
constexpr int64_t kMaxProfileCells = 4'000'000;
// Of the time left, for reading texts; and how many bytes a core reads in a second, at least.
constexpr double kTextShare = 0.1;
constexpr double kTextBytesPerSecond = 20e6;
// Of the memory beside program and table, one part for what text columns become.
constexpr int64_t kDerivedShare = 4;

// Predicted for the leading learner's default, or the slowest one if it does not take part.
double typical_seconds(std::span<const PlannedDefault> defaults) {
  double slowest = 0;
  for (const PlannedDefault& next : defaults) {
    if (next.leading) return next.seconds;
    slowest = std::max(slowest, next.seconds);
  }
  return slowest;
}

// constant, linear, gbt, then the others as listed.
int default_order(std::string_view name) {
  if (name == kBaselineName) return 0;
  if (name == "linear") return 1;
  if (name == "gbt") return 2;
  return 3;
}

// A table's profile, a row a column.
Result<std::vector<tracking::TableColumn>> profile_columns(const datasets::Table& table,
                                                           Executor& executor) {
  ASSAY_ASSIGN_OR_RETURN(const datasets::TableProfile profile,
                         datasets::profile_table(table, executor));
  std::vector<std::string> names;
  std::vector<std::string> types;
  std::vector<int64_t> missing;
  std::vector<int64_t> distinct;
  std::vector<double> means;
  std::vector<double> lows;
  std::vector<double> highs;
  for (const datasets::ColumnProfile& column : profile.columns) {
    names.push_back(column.name);
    types.emplace_back(datasets::name_of(column.type));
    missing.push_back(column.missing_count);
    distinct.push_back(column.distinct_count);
    means.push_back(column.mean);
    lows.push_back(column.min);
    highs.push_back(column.max);
  }
  return std::vector<tracking::TableColumn>{
      {"column", std::move(names)},    {"type", std::move(types)},
      {"missing", std::move(missing)}, {"distinct", std::move(distinct)},
      {"mean", std::move(means)},      {"min", std::move(lows)},
      {"max", std::move(highs)}};
}

}  // namespace

Status SweepLead::prepare() {
  progress(SweepPhase::kPreparing);
  const Clock& clock = *state_->request.clock;
  // A baseline is made in no time: preparing may take what fits do not get.
  const StopToken stop(&clock, state_->budget.seal_ns(), state_->request.stop);
  SetInputs inputs;
  if (state_->start) inputs.encoder = state_->start->encoder();
  if (state_->budget.timed()) {
    const double seconds = kTextShare * std::max(0.0, state_->budget.seconds_left());
    inputs.text_bytes = static_cast<int64_t>(seconds * kTextBytesPerSecond * threads_);
  }
  const int64_t room = memory_limit_ - kProgramBytes - table_->byte_count();
  inputs.derived_bytes = std::max<int64_t>(0, room) / kDerivedShare;
  ASSAY_RETURN_IF_ERROR(
      prepare_part("reading columns", stop, [&](const kernels::ComputeContext& place) -> Status {
        SetInputs given = inputs;
        given.roles = std::exchange(roles_, std::nullopt);  // the second time they are read anew
        ASSAY_ASSIGN_OR_RETURN(state_->set,
                               TrainingSet::make(table_, config_, place, std::move(given)));
        return {};
      }));
  ASSAY_RETURN_IF_ERROR(check_base());
  state_->limits = {config_.constraints.max_latency, config_.constraints.max_model_size};
  if (has_dataset_) {
    // As an earlier process recorded it.
  } else if (table_->row_count() * table_->column_count() <= kMaxProfileCells) {
    tracking::DatasetUse use = state_->record.dataset;
    ASSAY_ASSIGN_OR_RETURN(use.profile, profile_columns(*table_, *executor_));
    ASSAY_RETURN_IF_ERROR(parent_->add_dataset(std::move(use)));
  } else {
    ASSAY_RETURN_IF_ERROR(parent_->add_dataset(state_->record.dataset));
  }
  ASSAY_RETURN_IF_ERROR(choose_learners());
  ASSAY_RETURN_IF_ERROR(plan_screen());
  ASSAY_RETURN_IF_ERROR(plan_validation_folds());
  ASSAY_RETURN_IF_ERROR(make_combinations(stop));
  ASSAY_ASSIGN_OR_RETURN(state_->gauge, ModelGauge::make(*table_, *state_->set->encoder()));
  ASSAY_RETURN_IF_ERROR(make_level_targets(stop));
  if (state_->start) {
    ASSAY_RETURN_IF_ERROR(state_->start->check_folds(*state_->set));
    note(fmt::format("going on from {}", state_->start->name()));
    tell_damage(state_->start->damage());
  }
  for (const std::string& text : state_->set->notes()) note(text);
  const std::string& calibration = config_.ensemble.calibration;
  if (!state_->set->target().classifies() && calibration != "auto" && calibration != "false") {
    note(fmt::format("ensemble.calibration: {} has no meaning for {} and is ignored", calibration,
                     name_of(state_->set->task())));
  }
  return make_queue();
}

Status SweepLead::choose_learners() {
  std::vector<const Learner*> all = state_->request.learners;
  if (all.empty()) all.assign(learner_list().begin(), learner_list().end());
  std::vector<std::string_view> names;
  for (const Learner* learner : all) names.push_back(learner->name());
  for (const LearnerChoice& choice : config_.learners) {
    if (std::find(names.begin(), names.end(), choice.name) == names.end()) {
      return fail(StatusCode::kConfig, "learners: unknown learner '{}'{}", choice.name,
                  name_hint(choice.name, std::span<const std::string_view>(names)));
    }
  }
  bool unconstrained = false;  // a learner was left out for that
  bool unstarted = false;
  for (const Learner* learner : all) {
    const bool chosen =
        config_.learners.empty() ||
        std::any_of(config_.learners.begin(), config_.learners.end(),
                    [&](const LearnerChoice& choice) { return choice.name == learner->name(); });
    if (!chosen && learner->name() != kBaselineName) continue;
    if (!learner->supports(state_->set->task())) {
      note(fmt::format("learner '{}' does not do {} tasks", learner->name(),
                       name_of(state_->set->task())));
      continue;
    }
    if (state_->start && !learner->goes_on() && learner->name() != kBaselineName) {
      note(fmt::format("learner '{}' does not go on from a model", learner->name()));
      unstarted = true;
      continue;
    }
    if (!learner->keeps_constraints(state_->set->data())) {
      note(fmt::format("learner '{}' does not keep to data.monotone or data.interactions",
                       learner->name()));
      unconstrained = true;
      continue;
    }
    state_->learners.push_back(learner);
  }
  if (unstarted && state_->learners.size() == 1) {
    return fail(StatusCode::kConfig, "model.init: no learner of the run goes on from a model");
  }
  if (unconstrained && state_->learners.size() == 1) {
    return fail(StatusCode::kConfig,
                "data.monotone, data.interactions: no learner of the run keeps to them on a {} "
                "task",
                name_of(state_->set->task()));
  }
  std::stable_sort(state_->learners.begin(), state_->learners.end(),
                   [](const Learner* a, const Learner* b) {
                     return default_order(a->name()) < default_order(b->name());
                   });
  if (state_->learners.empty() || state_->learners[0]->name() != kBaselineName) {
    return fail(StatusCode::kInternal, "no learner is named '{}'", kBaselineName);
  }
  return {};
}

const Learner* SweepLead::leading_learner() const {
  for (const Learner* learner : state_->learners) {
    if (learner->name() == "gbt") return learner;
  }
  return state_->learners.back();
}

Status SweepLead::plan_validation_folds() {
  const Learner* leader = leading_learner();
  double fit_seconds = 0;
  if (const auto cost = leader->logical_cost(state_->set->shape(), {})) {
    fit_seconds = leader->usual_share() * *cost * 1e-9 / threads_;
  }
  std::optional<double> seconds_left;
  if (state_->budget.timed()) seconds_left = state_->budget.seconds_left();
  // What auto stands for must not depend on the time left where a model is gone on with, or a run.
  std::optional<bool> holdout;
  if (state_->start) holdout = state_->start->is_holdout();
  if (past_ != nullptr && past_->fold_count > 0) holdout = past_->fold_count == 1;
  ASSAY_RETURN_IF_ERROR(state_->set->plan(config_, fit_seconds, seconds_left, holdout));
  const auto folds = static_cast<int64_t>(state_->set->folds().size());
  ASSAY_RETURN_IF_ERROR(parent_->set_tag(kFoldsTag, folds));
  outcome_.task = state_->set->task();
  outcome_.metric = std::string(state_->set->metric().name());
  outcome_.validation_method = state_->set->validation_method();
  return {};
}

Status SweepLead::plan_screen() {
  const bool decided = past_ != nullptr && past_->fold_count > 0;
  const auto trees =
      std::find_if(learner_list().begin(), learner_list().end(),
                   [](const Learner* learner) { return learner->name() == kScreenLearner; });
  // Where there are no trees to read them, or the features are those of another model.
  const bool useful =
      trees != learner_list().end() && !state_->start && TrainingSet::wants_combinations(config_) &&
      std::any_of(state_->learners.begin(), state_->learners.end(), [](const Learner* learner) {
        return learner->name() != kBaselineName && !learner->uses_dense() &&
               std::find(learner_list().begin(), learner_list().end(), learner) !=
                   learner_list().end();
      });
  if (!useful) return {};
  screen_.learner = *trees;
  DataShape shape = state_->set->shape();
  screen_.rows = std::min(kMostScreenRows, shape.train_count);
  if (decided) screen_.rows = past_->screen_rows;
  const ParamMap params = screen_params(state_->set->data());
  while (!decided && state_->budget.timed() && screen_.rows >= kLeastScreenRows) {
    shape.row_count = screen_.rows;
    shape.train_count = static_cast<int64_t>(kScreenTrainShare * static_cast<double>(screen_.rows));
    ASSAY_ASSIGN_OR_RETURN(const double cost, screen_.learner->logical_cost(shape, params));
    const double seconds = kScreenFits * cost * 1e-9 / threads_;
    if (seconds <= kScreenShare * state_->budget.seconds_left()) break;
    screen_.rows /= 2;
  }
  return parent_->set_tag(kScreenTag, screen_.rows);
}

Status SweepLead::make_combinations(const StopToken& stop) {
  TrainingSet& set = *state_->set;
  if (screen_.rows < kLeastScreenRows) return {};
  DataShape shape = set.shape();
  shape.row_count = screen_.rows;
  shape.train_count = screen_.rows;
  ASSAY_ASSIGN_OR_RETURN(const PlannedBytes trees,
                         screen_.learner->planned_bytes(shape, screen_params(set.data()),
                                                        state_->budget.logical() ? 1 : threads_));
  const int64_t room = memory_limit_ - kProgramBytes - set.byte_count() - trees.fit;
  screen_.bytes = std::max<int64_t>(0, room) / kDerivedShare;
  // Should it take far longer than planned, there is better use for the time.
  int64_t deadline_ns = state_->budget.seal_ns();
  if (state_->budget.timed()) {
    const double seconds = kLatestScreenShare * std::max(0.0, state_->budget.seconds_left());
    deadline_ns = std::min(deadline_ns,
                           state_->request.clock->now_ns() + static_cast<int64_t>(seconds * 1e9));
  }
  const StopToken soon(state_->request.clock, deadline_ns, state_->request.stop);
  // What is half made cannot be made anew: that is the host's.
  const kernels::ComputeContext making = context_on(state_->request.compute.host, stop);
  const Status made =
      prepare_part("choosing features", soon, [&](const kernels::ComputeContext& screening) {
        return set.make_combinations(config_, screen_, screening, making);
      });
  const bool late = !made && made.error().code == StatusCode::kCancelled;
  // The sample may be one that nothing can be learned from, such as rows of no weight.
  const bool mute = !made && made.error().code == StatusCode::kData;
  if ((!late && !mute) || stop.requested()) return made;
  note(fmt::format("features of two columns are left out: {}",
                   late ? "choosing them took too long" : made.error().message));
  return parent_->set_tag(kScreenTag, int64_t{0});
}

Status SweepLead::make_level_targets(const StopToken& stop) {
  TrainingSet& set = *state_->set;
  if (!set.has_level_places()) return {};
  const int64_t room = memory_limit_ - kProgramBytes - set.byte_count();
  if (set.level_bytes() <= room / kDerivedShare) {
    return prepare_part("level targets", stop, [&](const kernels::ComputeContext& place) {
      return set.make_level_targets(place);
    });
  }
  note(
      fmt::format("warning: memory: the mean targets of levels are left out: they need {} "
                  "(budget.memory is {})",
                  mib_text(set.level_bytes()), mib_text(memory_limit_)));
  return {};
}

Result<std::vector<SearchLearner>> SweepLead::search_learners() const {
  std::vector<SearchLearner> learners;
  for (const Learner* learner : state_->learners) {
    std::span<const ParamOverride> overrides;
    for (const LearnerChoice& choice : config_.learners) {
      if (choice.name == learner->name()) overrides = choice.params;
    }
    auto space = SearchSpace::make(learner->options().options, overrides);
    if (!space) {
      return fail(StatusCode::kConfig, "learners.{}: {}", learner->name(), space.error().message);
    }
    SearchLearner entry{std::string(learner->name()), std::move(*space),
                        learner->name() == kBaselineName};
    const ParamMap defaults = entry.space.default_params();
    if (auto fits = learner->check(state_->set->data(), defaults); !fits) {
      return fail_with(std::move(fits.error()), fmt::format("learners.{}", learner->name()));
    }
    const auto cost = learner->logical_cost(state_->set->shape(), defaults);
    if (cost && *cost > 0) entry.default_cost = *cost;
    entry.goes_on = learner->goes_on();
    const DataShape shape = state_->set->shape();
    entry.units = [learner, shape](const ParamMap& params, int64_t steps) {
      return learner->model_units(shape, params, steps);
    };
    entry.within = [learner, shape, fixed = fixed_params(entry.name)](
                       const ParamMap& params, const ModelUnits& most) -> std::optional<ParamMap> {
      for (ParamMap& setting : learner->within(shape, params, most)) {
        if (keeps_fixed(params, setting, fixed)) return std::move(setting);
      }
      return std::nullopt;
    };
    learners.push_back(std::move(entry));
  }
  return learners;
}

// As listed while time is plenty: what the first hundred trials begin with is no matter then. Where
// it is short the quick ones come first, whatever their name: on half a million rows a forest ends
// before boosted trees have made their first ten rounds.
std::vector<PlannedDefault> SweepLead::order_learners(const TimePlan& plan,
                                                      std::vector<SearchLearner>& learners) {
  std::vector<PlannedDefault> planned;
  std::map<std::string, SearchLearner, std::less<>> by_name;
  for (SearchLearner& entry : learners) {
    const Learner& learner = *find_by_name(entry.name);
    ParamMap params = entry.space.default_params();
    // What cannot be predicted fails when it is tried, and says why.
    const Status shortened = plan.shorten(learner, fixed_params(entry.name), params);
    const double seconds = shortened ? plan.seconds(learner, params).value_or(0) : 0;
    if (!entry.baseline) planned.push_back({entry.name, seconds, &learner == leading_learner()});
    by_name.emplace(entry.name, std::move(entry));
  }
  const double seconds_left = state_->budget.seconds_left();
  if (state_->budget.timed()) order_defaults(planned, seconds_left);
  learners.clear();
  learners.push_back(std::move(by_name.at(std::string(kBaselineName))));
  std::string text;
  for (const PlannedDefault& next : planned) {
    learners.push_back(std::move(by_name.at(next.learner)));
    text += fmt::format("{}{} ({:.2g} s)", text.empty() ? "" : ", ", next.learner, next.seconds);
  }
  const bool slow = std::any_of(planned.begin(), planned.end(), [&](const PlannedDefault& next) {
    return next.seconds > kQuickShare * seconds_left;
  });
  if (slow && planned.size() > 1) {
    note(
        fmt::format("time is short ({:.2g} s left): each learner gets a share of it, in this order "
                    "of what they are predicted to take: {}",
                    seconds_left, text));
  }
  return planned;
}

const Learner* SweepLead::find_by_name(std::string_view name) const {
  const auto at = std::find_if(state_->learners.begin(), state_->learners.end(),
                               [&](const Learner* learner) { return learner->name() == name; });
  return at == state_->learners.end() ? nullptr : *at;
}

std::string SweepLead::slots_text() const {
  std::string text =
      fmt::format("{} slot{} of {} thread{}", slots_.slots, slots_.slots == 1 ? "" : "s",
                  slots_.threads_per_slot, slots_.threads_per_slot == 1 ? "" : "s");
  const std::vector<kernels::Device*>& devices = state_->request.compute.devices;
  for (size_t i = 0; i < devices.size() && devices.size() > 1; ++i) {
    text += fmt::format("{}{} on {}", i == 0 ? ": " : ", ",
                        std::count(slots_.devices.begin(), slots_.devices.end(), i),
                        devices[i]->info().id);
  }
  if (slots_.slots < slots_.without_memory_limit) {
    text +=
        fmt::format(" (of {} slots that threads allow, the others are cut: budget.memory is {})",
                    slots_.without_memory_limit, mib_text(memory_limit_));
  }
  if (config_.run.slots > slots_.slots) {
    text += fmt::format(" ({} slots asked for, {} thread{} may be used)", config_.run.slots,
                        threads_, threads_ == 1 ? "" : "s");
  }
  const bool many = slots_.slots * slots_.threads_per_slot > threads_;
  if (many || (config_.run.slots > 0 && config_.run.slots < slots_.slots)) {
    text += fmt::format(
        " (each device has a slot, though {} asked for)",
        many ? fmt::format("{} thread{} {}", threads_, threads_ == 1 ? "" : "s",
                           threads_ == 1 ? "is" : "are")
             : fmt::format("{} {}", config_.run.slots, config_.run.slots == 1 ? "is" : "are"));
  }
  return text;
}

void SweepLead::choose_slots() {
  const DataShape shape = state_->set->shape();
  SlotRequest slot_request;
  slot_request.threads = threads_;
  slot_request.wanted_slots = config_.run.slots;
  slot_request.cells = shape.train_count * shape.feature_count;
  const MemoryPlan together = memory_plan(threads_);
  slot_request.memory_bytes = std::max<int64_t>(1, together.trial_bytes());
  ParamMap leader_params;
  const SweepCompute& compute = state_->request.compute;
  slot_request.lanes.clear();
  for (const kernels::Device* device : compute.devices) {
    slot_request.lanes.push_back(device->lanes());
  }
  const auto host = std::find(compute.devices.begin(), compute.devices.end(), compute.host);
  if (host != compute.devices.end()) {
    slot_request.host = static_cast<size_t>(host - compute.devices.begin());
  }
  slot_request.bytes_per_trial = together.fit(*leading_learner(), {}, leader_params).value_or(0);
  slots_ = plan_slots(slot_request);
  note(slots_text());
}

Status SweepLead::make_queue() {
  choose_shares();
  ASSAY_RETURN_IF_ERROR(settle_base());
  choose_slots();
  // In logical mode what fits must not depend on how many threads a slot has.
  const bool logical = state_->budget.logical();
  const MemoryPlan plan = memory_plan(logical ? 1 : slots_.threads_per_slot);
  ASSAY_ASSIGN_OR_RETURN(std::vector<SearchLearner> learners, search_learners());
  drop_what_does_not_fit(plan, learners);
  const TimePlan time = time_plan();
  state_->share_plan = SharePlan(state_->row_shares, time);
  say_what_is_shortened(time, learners);
  std::vector<PlannedDefault> defaults = order_learners(time, learners);
  const int64_t trials = config_.budget.trials;
  if (trials > 0) defaults.resize(std::min(defaults.size(), static_cast<size_t>(trials - 1)));
  std::map<std::string, double, std::less<>> shares;
  double rest_share = 0;
  for (const PlannedDefault& next : defaults) {
    shares[next.learner] = next.share;
    // Not where it cannot end at all: then the others have more of the time.
    const bool first = next.leading && next.share > 1;
    if (first && leading_learner()->goes_on()) rest_share = kRestShare;
  }
  state_->slices = std::make_unique<TimeSlices>(std::move(shares), slots_.slots, rest_share);
  std::string strategy = config_.search.strategy;
  if (strategy == "auto" && past_ != nullptr && !past_->strategy.empty()) {
    strategy = past_->strategy;
  }
  if (strategy == "auto") {
    SearchBudget budget{trials, std::nullopt, typical_seconds(defaults),
                        static_cast<int64_t>(learners.size()) - 1};
    if (!logical) budget.seconds_left = state_->budget.seconds_left();
    strategy = auto_strategy(budget);
    note(fmt::format("search.strategy auto: {}", strategy));
  }
  ASSAY_RETURN_IF_ERROR(parent_->set_tag(kStrategyTag, strategy));
  auto made = std::make_unique<LearnerSearch>(
      std::move(learners), make_sampler(strategy),
      derive_seed(static_cast<uint64_t>(config_.run.seed), "search"));
  made->keep_to(state_->limits);
  ASSAY_RETURN_IF_ERROR(want_settings(time, defaults, *made));
  std::unique_ptr<Search> search = std::move(made);
  if (!logical && past_ != nullptr) {
    std::vector<TrialSpec> proposals = state_->known.specs();
    for (TrialSpec& part : state_->archive->parts()) proposals.push_back(std::move(part));
    search = std::make_unique<AdoptedSearch>(std::move(search), proposals);
  }

  QueueOptions options;
  options.logical = logical;
  options.trial_limit = state_->budget.trial_limit();
  options.last_known = state_->known.last();
  if (!logical && options.trial_limit == 0) options.patience = config_.budget.patience;
  options.eta = config_.search.eta;
  // Of a single one, too: what it gains by being the best of them is measured at the end.
  options.pool.max_models = config_.ensemble.max_models;
  options.pool.prediction_bytes = std::max<int64_t>(1, plan.kept_prediction_bytes());
  options.pool.model_bytes = std::max<int64_t>(1, plan.kept_model_bytes());
  struct Planned {
    const Learner* learner;
    std::vector<std::string> fixed;
  };
  std::map<std::string, Planned, std::less<>> by_name;
  for (const Learner* learner : state_->learners) {
    by_name[std::string(learner->name())] = {learner, fixed_params(learner->name())};
  }
  options.plan = [plan, time, by_name = std::move(by_name)](TrialSpec& spec) -> Result<int64_t> {
    const Planned& planned = by_name.at(spec.learner);
    ASSAY_RETURN_IF_ERROR(time.shorten(*planned.learner, planned.fixed, spec.params));
    return plan.fit(*planned.learner, planned.fixed, spec.params);
  };
  // With the copies that make a file of it, of all slots together a quarter at most.
  state_->archive_bytes = plan.trial_bytes() / (12 * std::max(1, slots_.slots));
  state_->held_model_bytes = plan.held_model_bytes();
  state_->repeat_bytes = plan.repeat_bytes();
  state_->memory = plan;
  const int64_t held = base_bytes_ + plan.kept_prediction_bytes() + plan.kept_model_bytes();
  state_->queue = std::make_unique<TrialQueue>(std::move(search), make_pruner(config_.search),
                                               Admission(memory_limit_, held), std::move(options));
  return {};
}

}  // namespace assay::automl
