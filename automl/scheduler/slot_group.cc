#include "automl/scheduler/slot_group.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <iterator>
#include <mutex>
#include <thread>
#include <utility>

#include "automl/scheduler/free_memory.h"
#include "automl/scheduler/sweep_state_internal.h"

namespace assay::automl {

struct SlotGroup::Shared {
  std::mutex mutex;
  std::condition_variable ended;
  int running = 0;
};

namespace {

constexpr double kLongestPeriod = 1e9;  // seconds
// Between trials it is worth the time to give that back.
constexpr int64_t kLargeFreeBytes = int64_t{64} << 20;
// Of what the archive is expected to write.
constexpr double kArchiveBytesPerSecond = 50e6;

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

// A trial that ended when nobody waited for it any more is recorded as the leaderboard has it.
void give_up(TrialOutcome& outcome) {
  outcome.result.status = TrialStatus::kCancelled;
  outcome.result.message = std::string(TrialQueue::kGivenUp);
  outcome.result.loss.reset();
  outcome.score.reset();
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

// Measures the trial's model; one that breaks a constraint is not chosen.
void appraise(SweepState& state, TrialOutcome& outcome) {
  TrialResult& result = outcome.result;
  if (!has_score(result.status)) return;
  const auto footprint = footprint_of(state, outcome.model, *outcome.score);
  if (!footprint) {
    if (!state.limits.any()) return;
    result.status = TrialStatus::kFailed;
    result.message = "measuring the model: " + footprint.error().message;
    result.loss.reset();
    outcome.score.reset();
    return;
  }
  outcome.result.footprint = *footprint;
  std::string breach = state.limits.breach(*footprint);
  if (breach.empty()) return;
  result.status = TrialStatus::kOverLimit;
  result.message = std::move(breach);
}

// A large model that the archive has is read from there by who needs it.
void mark_stored(const SweepState& state, TrialOutcome& outcome) {
  outcome.stored = outcome.model_bytes > state.held_model_bytes;
}

// Keeps what the trial has for the end and for a process that goes on, if the ensemble may want it.
void archive_outcome(SweepState& state, TrialOutcome& outcome) {
  const TrialResult& result = outcome.result;
  if (!has_score(result.status)) return;
  if (!state.queue->may_stay(result.spec.learner, *result.loss)) return;
  const Status kept = state.archive->keep(outcome);
  if (kept) return mark_stored(state, outcome);
  {
    const std::lock_guard lock(state.slots_mutex);
    if (std::exchange(state.archive_failed, true)) return;
  }
  note_error(state, fmt::format("what trials came to is not kept for `assay resume`: {}",
                                kept.error().message));
}

// Whether it cannot be archived before fits are to stop. The result comes first then: it counts as
// long as the lead waits, and its model stays in memory.
bool is_late(const SweepState& state, const TrialOutcome& outcome) {
  if (state.stop.requested()) return true;
  const int64_t deadline_ns = state.fit_deadline_ns.load();
  if (deadline_ns == kNoDeadline) return false;
  const auto bytes = static_cast<double>(outcome.model_bytes + outcome.prediction_bytes);
  const double left_ns = static_cast<double>(deadline_ns - state.request.clock->now_ns());
  return 1e9 * bytes / kArchiveBytesPerSecond >= left_ns;
}

// A sweep that the user stopped may go on; else the end of it needs no file of what is in memory.
void archive_late(SweepState& state, TrialOutcome& outcome) {
  const StopToken* const user = state.request.stop;
  if (user == nullptr || !user->requested()) return;
  if (outcome.model_bytes + outcome.prediction_bytes > state.archive_bytes) return;
  archive_outcome(state, outcome);
}

void drop_evicted(SweepState& state) {
  for (const int64_t trial : state.queue->take_evicted()) state.archive->drop(trial);
}

// Where a trial ran, and what.
void note_device(SweepState& state, const TrialOutcome& outcome) {
  for (const kernels::KernelUse& use : outcome.usage) state.usage.add(use);
  const std::lock_guard lock(state.slots_mutex);
  if (!outcome.device.empty()) ++state.device_trials[outcome.device];
  if (outcome.known || outcome.moved_from.empty()) return;
  state.moves.push_back(fmt::format("trial {} ({}) moved to {} from {}", outcome.result.spec.number,
                                    outcome.result.spec.learner, outcome.device,
                                    outcome.moved_from));
}

// Tells search, pruning and ensemble what is known, as if the trial had run.
void replay(SweepState& state, const TrialOutcome& outcome) {
  const int64_t number = outcome.result.spec.number;
  (void)state.slices->deadline_ns(outcome.result.spec, state.request.clock->now_ns(), kNoDeadline);
  for (const RungValue& value : outcome.result.rungs) {
    (void)state.queue->pass_rung(number, value);
  }
  note_device(state, outcome);
  state.queue->finish(outcome);
  state.queue->announce(number);
  drop_evicted(state);
}

TrialJob job_of(SweepState& state, const TrialSpec& spec) {
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
  job.logical = state.budget.logical();
  job.keep_oob = state.record.keep_predictions;
  job.most_repeat_bytes = state.repeat_bytes;
  job.together = state.memory->has_room_together(*job.learner, spec.params);
  job.predict_ratio = known_predict_ratio(state, spec.learner);
  return job;
}

// The trial goes on from what an earlier process had of it, and is kept itself now and then.
void keep_checkpoints(SweepState& state, TrialJob& job) {
  const double period = state.request.config.run.checkpoint;
  if (state.request.past) job.begin = state.archive->load_part(*state.set, job.spec);
  if (!(period > 0)) return;
  const Clock& clock = *state.request.clock;
  const auto period_ns = static_cast<int64_t>(std::min(period, kLongestPeriod) * 1e9);
  auto last_ns = std::make_shared<int64_t>(clock.now_ns());
  job.most_checkpoint_bytes = state.archive_bytes;
  job.wants_checkpoint = [&clock, period_ns, last_ns] {
    return clock.now_ns() - *last_ns >= period_ns;
  };
  job.keep_checkpoint = [&state, &clock, last_ns, spec = job.spec](const TrialCheckpoint& now) {
    // What cannot be kept is trained again.
    (void)state.archive->keep_part(spec, now);
    *last_ns = clock.now_ns();
  };
}

// A default that its share of the time is too short for may be gone on with later.
void keep_rest(SweepState& state, TrialJob& job) {
  if (job.spec.origin == TrialOrigin::kDefault && job.shared_time && job.learner->goes_on()) {
    job.most_rest_bytes = state.archive_bytes;
  }
  const std::lock_guard lock(state.slots_mutex);
  if (const auto at = state.rests.find(job.spec.continues); at != state.rests.end()) {
    job.rest = std::move(at->second);
    state.rests.erase(at);
  }
}

// Halving by rows, where the trial takes part in it.
void take_shares(SweepState& state, TrialJob& job) {
  std::optional<double> seconds_left;
  if (const int64_t end_ns = state.fit_deadline_ns.load(); end_ns != kNoDeadline) {
    seconds_left = static_cast<double>(end_ns - state.request.clock->now_ns()) * 1e-9;
  }
  job.shares = state.share_plan.shares_of(*job.learner, job.spec, seconds_left);
  // Who is not given up is asked on both ladders, for others to be compared with.
  const bool instead = state.request.config.search.fidelity == "rows" && !job.shares.empty();
  job.asks_rounds = !instead || !is_searched(job.spec.origin);
}

// The slot's device, then the others that a trial may move to.
std::vector<kernels::Device*> devices_for(const SweepCompute& compute, kernels::Device& first) {
  std::vector<kernels::Device*> devices{&first};
  for (const auto* list : {&compute.devices, &compute.spare}) {
    std::copy_if(list->begin(), list->end(), std::back_inserter(devices),
                 [&](const kernels::Device* device) { return device != &first; });
  }
  return devices;
}

// Whether the device is what failed. For the host's own memory there is no other place.
bool device_failed(const SweepState& state, const TrialOutcome& outcome,
                   const kernels::Device& device) {
  if (outcome.result.status != TrialStatus::kFailed || !outcome.error) return false;
  const bool no_memory =
      *outcome.error == StatusCode::kResourceExhausted && &device != state.request.compute.host;
  return no_memory || *outcome.error == StatusCode::kDevice;
}

// Runs it on the slot's device, and on the next each time that one fails.
TrialOutcome run_on_devices(SweepState& state, const TrialJob& job, const Slot& slot) {
  const SweepCompute& compute = state.request.compute;
  const std::vector<kernels::Device*> devices = devices_for(compute, slot.device);
  kernels::Usage usage;
  std::string moved_from;
  double seconds = 0;
  for (size_t i = 0;; ++i) {
    TrialOutcome outcome =
        run_trial(job, {compute.kernels, devices[i], compute.host, &slot.executor, &state.stop});
    for (const kernels::KernelUse& use : outcome.usage) usage.add(use);
    seconds += outcome.seconds;
    const bool last = i + 1 == devices.size() || state.stop.requested();
    if (last || !device_failed(state, outcome, *devices[i])) {
      outcome.usage = usage.list();
      outcome.seconds = seconds;
      outcome.moved_from = std::move(moved_from);
      return outcome;
    }
    moved_from += fmt::format("{}{} ({})", moved_from.empty() ? "" : ", ", outcome.device,
                              outcome.result.message);
  }
}

// There must be a model from the first trial on, and a constant is made in no time. False if the
// baseline's cannot be had.
bool complete(SweepState& state, const Slot& slot, TrialOutcome& known) {
  const TrialSpec& spec = known.result.spec;
  if (spec.origin != TrialOrigin::kBaseline || !has_score(known.result.status)) return true;
  if (known.model != nullptr) return true;
  TrialOutcome again = run_on_devices(state, job_of(state, spec), slot);
  known.model = std::move(again.model);
  known.predictions = std::move(again.predictions);
  return known.model != nullptr;
}

}  // namespace

void restore_trial(SweepState& state, const TrialSpec& spec, const Slot& slot) {
  TrialJob job = job_of(state, spec);
  // As it was.
  job.repeat = state.known.folds_of(spec.number).value_or(0) > state.set->folds().size();
  TrialOutcome outcome = run_on_devices(state, job, slot);
  appraise(state, outcome);
  const bool late = is_late(state, outcome);
  if (!late) archive_outcome(state, outcome);
  const bool same = state.queue->restore(outcome);
  if (late) archive_late(state, outcome);
  if (same) return;
  note_error(state, fmt::format("trial {} has another score than before now that it was trained "
                                "again, {}: its time, the program or the machine is another",
                                spec.number, outcome.score.value_or(0)));
}

void run_queued_trial(SweepState& state, const TrialSpec& spec, const Slot& slot) {
  auto known = state.known.find(spec, state.budget.logical(), *state.set, *state.archive);
  if (known && known->model != nullptr) mark_stored(state, *known);
  if (known && complete(state, slot, *known)) return replay(state, *known);
  auto run = start_trial(state.record, spec);
  if (!run) {
    note_error(state,
               fmt::format("trial {} could not be recorded: {}", spec.number, run.error().message));
  }
  TrialJob job = job_of(state, spec);
  job.on_rung = [&](const RungValue& value) { return state.queue->pass_rung(spec.number, value); };
  take_shares(state, job);
  keep_checkpoints(state, job);
  keep_rest(state, job);
  TrialOutcome outcome = run_on_devices(state, job, slot);
  appraise(state, outcome);
  note_device(state, outcome);
  if (run) outcome.run_id = (*run)->id();
  outcome.ended_seconds = state.budget.elapsed_seconds();
  if (has_score(outcome.result.status)) {
    const std::lock_guard lock(state.slots_mutex);
    state.predict_ratios[spec.learner] = outcome.predict_ratio();
    if (outcome.rest) state.rests.emplace(spec.number, std::move(outcome.rest));
  }
  // Before the record: what is recorded is known to a process that goes on.
  const bool late = is_late(state, outcome);
  if (!late) archive_outcome(state, outcome);
  if (!state.queue->finish(outcome)) give_up(outcome);
  if (late) archive_late(state, outcome);
  drop_evicted(state);
  // What a stop cut short may go on.
  if (!state.stop.requested()) state.archive->drop_part(spec.number);
  if (run) write_record(state, outcome, **run);
  state.queue->announce(spec.number);
}

SlotGroup::~SlotGroup() {
  for (std::thread& thread : threads_) thread.detach();
}

void SlotGroup::start(const SlotPlan& plan) {
  shared_ = std::make_shared<Shared>();
  shared_->running = plan.slots;
  for (int slot = 0; slot < plan.slots; ++slot) {
    threads_.emplace_back([state = state_, shared = shared_, threads = plan.threads_per_slot,
                           place = plan.devices[static_cast<size_t>(slot)]]() mutable {
      try {
        const SweepCompute& compute = state->request.compute;
        const auto executor = compute.make_executor(threads);
        const Slot own{*executor, *compute.devices[place]};
        // The lead closes the queue when time is up or the user stops the sweep; a slot does
        // not rely on its being quick.
        const Clock& clock = *state->request.clock;
        while (clock.now_ns() < state->fit_deadline_ns.load() && !state->stop.requested()) {
          if (const auto absent = state->queue->next_absent()) {
            restore_trial(*state, *absent, own);
          } else if (const auto spec = state->queue->next()) {
            run_queued_trial(*state, *spec, own);
            return_free_memory(kLargeFreeBytes);
          } else {
            break;  // what is left to restore, the slots do that are still at work
          }
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
