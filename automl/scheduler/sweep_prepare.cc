// What is decided before the first trial: learners and their spaces, validation, slots, and what
// memory allows.
#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include "automl/scheduler/sweep_lead_internal.h"
#include "automl/search/asha_pruner.h"
#include "automl/search/random_search.h"
#include "datasets/profile.h"
#include "kernels/base/names.h"
#include "kernels/base/rng.h"

namespace assay::automl {
namespace {

constexpr std::string_view kBaselineName = "constant";
// The program itself, its libraries and buffers.
constexpr int64_t kProgramBytes = int64_t{96} << 20;
// Shares of the memory limit that finished trials may hold.
constexpr int64_t kPredictionDivisor = 10;
constexpr int64_t kModelDivisor = 4;
// A default whose predicted time is above this share of what is left comes after the boosted trees.
constexpr double kLateShare = 0.1;
// The cost model counts all rounds that a fit may make; early stopping ends most of them long
// before.
constexpr double kTypicalStepShare = 0.2;
// Larger tables are not profiled: it would eat into the search.
constexpr int64_t kMaxProfileCells = 4'000'000;

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
  const StopToken stop(&clock, state_->budget.half_ns(), state_->request.stop);
  ASSAY_ASSIGN_OR_RETURN(state_->set, TrainingSet::make(table_, config_, context(stop)));
  const int64_t base_bytes = kProgramBytes + state_->set->byte_count();
  if (base_bytes > memory_limit_) {
    return fail(StatusCode::kBudgetTooSmall,
                "budget.memory={} bytes: the program and the encoded table alone need {}",
                memory_limit_, base_bytes);
  }
  if (table_->row_count() * table_->column_count() <= kMaxProfileCells) {
    tracking::DatasetUse use = state_->record.dataset;
    ASSAY_ASSIGN_OR_RETURN(use.profile, profile_columns(*table_, *executor_));
    ASSAY_RETURN_IF_ERROR(parent_->add_dataset(std::move(use)));
  } else {
    ASSAY_RETURN_IF_ERROR(parent_->add_dataset(state_->record.dataset));
  }
  ASSAY_RETURN_IF_ERROR(choose_learners());
  ASSAY_RETURN_IF_ERROR(plan_validation_folds());
  for (const std::string& text : state_->set->notes()) note(text);
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
    state_->learners.push_back(learner);
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
    fit_seconds = kTypicalStepShare * *cost * 1e-9 / threads_;
  }
  std::optional<double> seconds_left;
  if (state_->budget.timed()) seconds_left = state_->budget.seconds_left();
  ASSAY_RETURN_IF_ERROR(state_->set->plan(config_, fit_seconds, seconds_left));
  outcome_.task = state_->set->task();
  outcome_.metric = std::string(state_->set->metric().name());
  outcome_.validation_method = state_->set->validation_method();
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
    const auto cost = learner->logical_cost(state_->set->shape(), entry.space.default_params());
    if (cost && *cost > 0) entry.default_cost = *cost;
    learners.push_back(std::move(entry));
  }
  return learners;
}

std::unique_ptr<Search> SweepLead::make_search(std::vector<SearchLearner> learners) const {
  if (state_->budget.timed()) {
    // What would eat much of the budget before boosted trees have had their turn waits for them.
    const double per_cost = static_cast<double>(state_->set->folds().size()) * 1e-9 /
                            slots_.threads_per_slot / state_->budget.seconds_left();
    std::stable_sort(learners.begin(), learners.end(),
                     [&](const SearchLearner& a, const SearchLearner& b) {
                       const auto late = [&](const SearchLearner& learner) {
                         return learner.name != kBaselineName && learner.name != "gbt" &&
                                learner.default_cost * per_cost > kLateShare;
                       };
                       return !late(a) && late(b);
                     });
  }
  return std::make_unique<RandomSearch>(
      std::move(learners), derive_seed(static_cast<uint64_t>(config_.run.seed), "search"));
}

Status SweepLead::make_queue() {
  const DataShape shape = state_->set->shape();
  int64_t base_bytes = kProgramBytes + state_->set->byte_count();
  // The dense form is held for all who read it, unless it is so large that they had better not.
  int64_t dense_bytes = state_->set->encoder()->dense_bytes(table_->row_count());
  if (base_bytes + dense_bytes <= memory_limit_ / 2) {
    const bool wanted = std::any_of(state_->learners.begin(), state_->learners.end(),
                                    [](const Learner* learner) { return learner->uses_dense(); });
    base_bytes += wanted ? dense_bytes : 0;
    dense_bytes = 0;
  }
  // Out-of-fold predictions of a running trial, and the copies that scoring makes.
  const int64_t oof_bytes =
      3 * static_cast<int64_t>(state_->set->scored_rows().size()) * state_->set->output_count() * 4;

  SlotRequest slot_request;
  slot_request.threads = threads_;
  slot_request.wanted_slots = config_.run.slots;
  slot_request.cells = shape.train_count * shape.feature_count;
  slot_request.memory_bytes = memory_limit_ - base_bytes;
  const auto leader_bytes = leading_learner()->planned_bytes(shape, {}, threads_);
  slot_request.bytes_per_trial = leader_bytes.value_or(0) + oof_bytes;
  slots_ = plan_slots(slot_request);
  note(fmt::format("{} slot{} of {} thread{}", slots_.slots, slots_.slots == 1 ? "" : "s",
                   slots_.threads_per_slot, slots_.threads_per_slot == 1 ? "" : "s"));

  ASSAY_ASSIGN_OR_RETURN(std::vector<SearchLearner> learners, search_learners());
  std::unique_ptr<Pruner> pruner;
  if (config_.search.halving) pruner = std::make_unique<AshaPruner>(config_.search.eta);

  QueueOptions options;
  options.logical = state_->budget.logical();
  options.trial_limit = state_->budget.trial_limit();
  options.pool.max_models = config_.ensemble.enabled ? config_.ensemble.max_models : 1;
  options.pool.prediction_bytes = memory_limit_ / kPredictionDivisor;
  options.pool.model_bytes = memory_limit_ / kModelDivisor;
  // In logical mode what fits must not depend on how many threads a slot has.
  const int planned_threads = options.logical ? 1 : slots_.threads_per_slot;
  std::map<std::string, const Learner*, std::less<>> by_name;
  for (const Learner* learner : state_->learners) by_name[std::string(learner->name())] = learner;
  const auto models_held = static_cast<int64_t>(state_->set->folds().size()) - 1;
  options.planned_bytes = [shape, oof_bytes, dense_bytes, models_held, planned_threads,
                           by_name = std::move(by_name)](const TrialSpec& spec) -> Result<int64_t> {
    const Learner& learner = *by_name.at(spec.learner);
    ASSAY_ASSIGN_OR_RETURN(const int64_t bytes,
                           learner.planned_bytes(shape, spec.params, planned_threads));
    // The models of folds done are held beside a fit; one is taken as half of a fit's peak.
    return bytes + models_held * (bytes / 2) + oof_bytes + (learner.uses_dense() ? dense_bytes : 0);
  };
  state_->queue =
      std::make_unique<TrialQueue>(make_search(std::move(learners)), std::move(pruner),
                                   Admission(memory_limit_, base_bytes), std::move(options));
  return {};
}

}  // namespace assay::automl
