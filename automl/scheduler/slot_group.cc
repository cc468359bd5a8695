#include "automl/scheduler/slot_group.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "automl/scheduler/sweep_state_internal.h"

namespace assay::automl {

struct SlotGroup::Shared {
  std::mutex mutex;
  std::condition_variable ended;
  int running = 0;
};

namespace {

void note_error(SweepState& state, std::string message) {
  const std::lock_guard lock(state.slots_mutex);
  state.record_errors.push_back(std::move(message));
}

// A trial's record that cannot be written is said, but its result counts all the same.
void write_record(SweepState& state, const TrialOutcome& outcome, tracking::Run& run) {
  Status written = write_trial(state.record, *state.set, outcome, run);
  if (written) return;
  note_error(state, fmt::format("trial {} could not be recorded: {}", outcome.result.spec.number,
                                written.error().message));
}

const Learner* find_by_name(const SweepState& state, const std::string& name) {
  for (const Learner* learner : state.learners) {
    if (learner->name() == name) return learner;
  }
  return nullptr;
}

double known_predict_ratio(SweepState& state, const std::string& learner) {
  const std::lock_guard lock(state.slots_mutex);
  const auto at = state.predict_ratios.find(learner);
  return at == state.predict_ratios.end() ? 0 : at->second;
}

}  // namespace

void run_queued_trial(SweepState& state, const TrialSpec& spec, Executor& executor) {
  auto run = start_trial(state.record, spec);
  if (!run) {
    note_error(state,
               fmt::format("trial {} could not be recorded: {}", spec.number, run.error().message));
  }
  TrialJob job;
  job.set = state.set.get();
  job.learner = find_by_name(state, spec.learner);
  if (state.start && job.learner->goes_on()) job.start = &*state.start;
  job.spec = spec;
  job.clock = state.request.clock;
  const int64_t slice_ns =
      state.slices->deadline_ns(spec, state.request.clock->now_ns(), state.fit_deadline_ns.load());
  job.fit_deadline_ns = [&state, slice_ns] {
    return std::min(state.fit_deadline_ns.load(), slice_ns);
  };
  job.shared_time = slice_ns < state.fit_deadline_ns.load();
  job.predict_deadline_ns = [&state] { return state.seal_ns.load(); };
  if (spec.origin == TrialOrigin::kBaseline) {
    // There is a model whatever the time: a constant is fitted and scored in a moment.
    job.fit_deadline_ns = {};
    job.predict_deadline_ns = {};
    job.shared_time = false;
  }
  job.on_rung = [&state, number = spec.number](const RungValue& value) {
    return state.queue->pass_rung(number, value);
  };
  job.logical = state.budget.logical();
  job.predict_ratio = known_predict_ratio(state, spec.learner);
  const SweepCompute& compute = state.request.compute;
  const kernels::ComputeContext context{compute.kernels, compute.device, compute.host, &executor,
                                        &state.stop};
  TrialOutcome outcome = run_trial(job, context);
  if (run) outcome.run_id = (*run)->id();
  if (has_score(outcome.result.status)) {
    const std::lock_guard lock(state.slots_mutex);
    state.predict_ratios[spec.learner] = outcome.predict_ratio();
  }
  state.queue->finish(outcome, state.budget.elapsed_seconds());
  if (run) write_record(state, outcome, **run);
}

SlotGroup::~SlotGroup() {
  for (std::thread& thread : threads_) thread.detach();
}

void SlotGroup::start(const SlotPlan& plan) {
  shared_ = std::make_shared<Shared>();
  shared_->running = plan.slots;
  for (int slot = 0; slot < plan.slots; ++slot) {
    threads_.emplace_back(
        [state = state_, shared = shared_, threads = plan.threads_per_slot]() mutable {
          try {
            const auto executor = state->request.compute.make_executor(threads);
            // The lead closes the queue when time is up or the user stops the sweep; a slot does
            // not rely on its being quick.
            const Clock& clock = *state->request.clock;
            while (clock.now_ns() < state->fit_deadline_ns.load() && !state->stop.requested()) {
              const auto spec = state->queue->next();
              if (!spec) break;
              run_queued_trial(*state, *spec, *executor);
            }
          } catch (const std::exception& error) {
            note_error(*state, fmt::format("a slot ended early: {}", error.what()));
            state->queue->close();
          }
          state.reset();
          const std::lock_guard lock(shared->mutex);
          --shared->running;
          shared->ended.notify_all();
        });
  }
}

int SlotGroup::wait(const Clock& clock, int64_t deadline_ns) {
  if (shared_ == nullptr) return 0;
  std::unique_lock lock(shared_->mutex);
  while (shared_->running > 0 && (deadline_ns == kNoDeadline || clock.now_ns() < deadline_ns)) {
    shared_->ended.wait_for(lock, std::chrono::milliseconds(10));
  }
  if (shared_->running > 0) return shared_->running;
  lock.unlock();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  return 0;
}

int SlotGroup::running() const {
  if (shared_ == nullptr) return 0;
  const std::lock_guard lock(shared_->mutex);
  return shared_->running;
}

}  // namespace assay::automl
