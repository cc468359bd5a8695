// What a sweep holds throughout under its memory limit, and what each learner is left: decided
// before the first trial, and said where something has to give.
#include <algorithm>
#include <utility>

#include "automl/scheduler/free_memory.h"
#include "automl/scheduler/sweep_lead_internal.h"

namespace assay::automl {
namespace {

// A table that takes a smaller share of the limit is not worth letting go.
constexpr int64_t kSmallTableShare = 16;

}  // namespace

Status SweepLead::check_base() const {
  const int64_t base = kProgramBytes + state_->set->byte_count();
  if (base <= memory_limit_) return {};
  return fail(StatusCode::kBudgetTooSmall,
              "budget.memory={} is too small: the program and the encoded table alone need {}",
              mib_text(memory_limit_), mib_text(base));
}

Status SweepLead::settle_base() {
  TrainingSet& set = *state_->set;
  DataShape shape = set.shape();
  if (state_->start) shape.init_bytes = state_->start->byte_count();
  const int64_t held = kProgramBytes + set.byte_count();
  const int64_t table_bytes = table_->byte_count();
  const bool releasable = state_->request.table == nullptr;
  const int64_t dense_bytes = set.encoder()->dense_bytes(shape.row_count);
  const auto reads_dense = [](const Learner* learner) { return learner->uses_dense(); };
  std::vector<const Learner*>& learners = state_->learners;
  bool dense = std::any_of(learners.begin(), learners.end(), reads_dense);
  if (dense) {
    // While it is made the table is still there; later it must leave half to others.
    const int64_t after = held + dense_bytes - (releasable ? table_bytes : 0);
    const int64_t needed = std::max(held + dense_bytes, 2 * after);
    if (needed > memory_limit_) {
      dense = false;
      for (const Learner* learner : learners) {
        if (!learner->uses_dense()) continue;
        note(
            fmt::format("warning: memory: {} is left out: it needs a memory limit of {} "
                        "(budget.memory is {})",
                        learner->name(), mib_text(needed), mib_text(memory_limit_)));
      }
      learners.erase(std::remove_if(learners.begin(), learners.end(), reads_dense), learners.end());
    }
  }
  const int64_t with_dense = held + (dense ? dense_bytes : 0);
  const auto leader = leading_learner()->planned_bytes(shape, {}, 1);
  const int64_t wanted = with_dense + 2 * (leader ? leader->fit : 0);
  const bool tight = wanted > memory_limit_ / 2 && table_bytes > memory_limit_ / kSmallTableShare;
  if (releasable && tight) {
    const StopToken stop(state_->request.clock, state_->budget.seal_ns(), state_->request.stop);
    ASSAY_RETURN_IF_ERROR(prepare_part("bins", stop, [&](const kernels::ComputeContext& place) {
      return set.release_table(dense, place, state_->request.compute.devices);
    }));
    table_.reset();
    return_free_memory();
  }
  base_bytes_ = kProgramBytes + set.byte_count() + (dense ? dense_bytes : 0);
  for (const RowShare& share : state_->row_shares) {
    base_bytes_ += static_cast<int64_t>(share.rows.size() * sizeof(uint32_t));
  }
  return {};
}

MemoryPlan SweepLead::memory_plan(int threads) const {
  const TrainingSet& set = *state_->set;
  MemoryShape shape;
  shape.limit_bytes = memory_limit_;
  shape.base_bytes = base_bytes_;
  shape.data = set.shape();
  if (state_->start) shape.data.init_bytes = state_->start->byte_count();
  shape.fold_count = static_cast<int64_t>(set.folds().size());
  shape.partition_count = static_cast<int64_t>(set.partition_count());
  shape.prediction_bytes = static_cast<int64_t>(set.scored_rows().size()) * set.output_count() *
                           static_cast<int64_t>(sizeof(float));
  shape.threads = threads;
  shape.climbs = !state_->row_shares.empty();
  return MemoryPlan(shape);
}

std::vector<std::string> SweepLead::fixed_params(std::string_view learner) const {
  std::vector<std::string> names;
  for (const LearnerChoice& choice : config_.learners) {
    if (choice.name != learner) continue;
    for (const ParamOverride& param : choice.params) names.push_back(param.name);
  }
  return names;
}

TimePlan SweepLead::time_plan() const {
  TimeShape shape;
  shape.data = state_->set->shape();
  shape.fold_count = static_cast<int64_t>(state_->set->folds().size());
  shape.seconds_left.reset();
  if (state_->budget.timed()) {
    shape.threads = slots_.threads_per_slot;
    shape.seconds_left = state_->budget.seconds_left();
  }
  return TimePlan(shape);
}

void SweepLead::say_what_is_shortened(const TimePlan& plan,
                                      const std::vector<SearchLearner>& learners) {
  for (const SearchLearner& entry : learners) {
    const Learner& learner = *find_by_name(entry.name);
    const ParamMap wanted = entry.space.default_params();
    ParamMap params = wanted;
    if (!plan.shorten(learner, fixed_params(entry.name), params) || params == wanted) continue;
    note(fmt::format(
        "{} is tried with {} at first: its default is predicted to take {:.0f} s{}", entry.name,
        param_changes(wanted, params), plan.seconds(learner, wanted).value_or(0),
        state_->budget.timed() ? fmt::format(" of {:.0f} s left", state_->budget.seconds_left())
                               : std::string(" of a core")));
  }
}

void SweepLead::drop_what_does_not_fit(const MemoryPlan& plan,
                                       std::vector<SearchLearner>& learners) {
  const auto too_large = [&](const SearchLearner& entry) {
    if (entry.baseline) return false;
    const Learner& learner = *find_by_name(entry.name);
    const ParamMap wanted = entry.space.default_params();
    ParamMap params = wanted;
    const auto fitted = plan.fit(learner, fixed_params(entry.name), params);
    if (!fitted && fitted.error().code != StatusCode::kResourceExhausted) return false;
    if (!fitted) {
      note(fmt::format("warning: memory: {} is left out: {}", entry.name, fitted.error().message));
      return true;
    }
    if (params != wanted) {
      note(fmt::format(
          "warning: memory: {} is tried with {} at first: its default needs a memory "
          "limit of {} (budget.memory is {})",
          entry.name, param_changes(wanted, params),
          mib_text(plan.needed_limit(learner, wanted).value_or(0)), mib_text(memory_limit_)));
    }
    return false;
  };
  learners.erase(std::remove_if(learners.begin(), learners.end(), too_large), learners.end());
}

}  // namespace assay::automl
