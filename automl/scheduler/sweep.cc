#include "automl/scheduler/sweep.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <exception>
#include <map>
#include <span>
#include <system_error>
#include <thread>
#include <utility>

#include "automl/preprocess/predictor.h"
#include "automl/scheduler/readable_config.h"
#include "automl/scheduler/sweep_lead_internal.h"

namespace assay::automl {
namespace {

constexpr int kWatchMilliseconds = 50;
// Between two looks whether the journal has the records of trials that ended, and how many looks
// there are at the end of the search.
constexpr int kSettleMilliseconds = 10;
constexpr int kLastLooks = 5;

int64_t peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;
}

Status check_request(const SweepRequest& request) {
  const SweepCompute& compute = request.compute;
  if (compute.kernels == nullptr || compute.devices.empty() || compute.host == nullptr ||
      !compute.make_executor || request.workspace == nullptr || request.clock == nullptr) {
    return fail(StatusCode::kInvalidArgument,
                "a sweep needs kernels, devices, executors, a workspace and a clock");
  }
  return check_config(request.config);
}

// With what options that were left empty stand for, so that the run's record says it.
SweepRequest with_defaults(SweepRequest request) {
  ExperimentConfig& config = request.config;
  if (config.run.experiment.empty()) config.run.experiment = tracking::RunSpec().experiment;
  config.budget.time = config.budget.time_limit().value_or(0);
  return request;
}

BudgetLimits limits_of(const SweepRequest& request) {
  const BudgetOptions& options = request.config.budget;
  return {options.time_limit(), options.trials, request.past != nullptr};
}

}  // namespace

kernels::Device* SweepCompute::leading() const {
  const bool on_host = std::count(devices.begin(), devices.end(), host) > 0 ||
                       std::count(spare.begin(), spare.end(), host) > 0;
  return on_host ? host : devices.front();
}

kernels::Device* SweepCompute::preparing() const {
  const kernels::DeviceInfo& info = leading()->info();
  return info.emulated || info.untried ? host : leading();
}

std::string_view name_of(SweepPhase phase) {
  constexpr std::array<std::string_view, 7> kNames = {
      "reading", "preparing", "searching", "ensembling", "refitting", "saving", "done"};
  return kNames[static_cast<size_t>(phase)];
}

std::string_view name_of(SweepEnd end) {
  constexpr std::array<std::string_view, 6> kNames = {"time",      "trials",   "patience",
                                                      "exhausted", "failures", "user"};
  return kNames[static_cast<size_t>(end)];
}

SweepLead::SweepLead(const SweepRequest& request)
    : state_(std::make_shared<SweepState>(
          with_defaults(request),
          Budget(*request.clock, request.process_start_ns, limits_of(request)))),
      config_(state_->request.config),
      past_(state_->request.past.get()) {
  const int64_t wanted = request.threads > 0 ? request.threads : config_.run.threads;
  threads_ = wanted > 0 ? static_cast<int>(std::min<int64_t>(wanted, 4096)) : usable_cpu_count();
  memory_limit_ = config_.budget.memory > 0
                      ? config_.budget.memory
                      : static_cast<int64_t>(0.8 * static_cast<double>(usable_memory_bytes()));
  // What settings are made smaller for.
  if (past_ != nullptr && past_->memory_limit > 0) memory_limit_ = past_->memory_limit;
  state_->publish_deadlines();
}

Result<SweepOutcome> SweepLead::run() {
  Status loaded = load();
  if (loaded) ASSAY_RETURN_IF_ERROR(check());
  // The run that was to go on stays as it was.
  if (!loaded && past_ != nullptr) return tl::unexpected<Error>(std::move(loaded.error()));
  // A run that cannot be made does not hide why there would have been nothing in it.
  Status begun = begin();
  if (!loaded) return tl::unexpected<Error>(close_failed(std::move(loaded.error())));
  if (!begun) return tl::unexpected<Error>(close_failed(std::move(begun.error())));
  for (const auto step : {&SweepLead::prepare, &SweepLead::baseline}) {
    Status done = (this->*step)();
    if (!done) return tl::unexpected<Error>(close_failed(std::move(done.error())));
  }
  search();
  Status done = finish();
  if (!done) return tl::unexpected<Error>(close_failed(std::move(done.error())));
  outcome_.wall_seconds = state_->budget.elapsed_seconds();
  outcome_.peak_rss_bytes = peak_rss_bytes();
  progress(SweepPhase::kDone);
  return std::move(outcome_);
}

Status SweepLead::baseline() {
  const auto spec = state_->queue->next();
  if (!spec || spec->origin != TrialOrigin::kBaseline) {
    for (const TrialEvent& event : state_->queue->wait_events(0)) {
      if (event.result.spec.origin != TrialOrigin::kBaseline) continue;
      return fail(StatusCode::kBudgetTooSmall, "not even a constant model can be made: {}",
                  event.result.message);
    }
    return fail(StatusCode::kInternal, "the search did not begin with the baseline");
  }
  run_queued_trial(*state_, *spec, {*executor_, *state_->request.compute.leading()});
  progress(SweepPhase::kPreparing);
  hear(state_->queue->wait_events(0));
  if (state_->queue->pool().candidates().empty()) {
    const std::vector<LeaderboardRow> rows = state_->queue->rows();
    if (user_stopped()) return fail(StatusCode::kCancelled, "stopped before there was a model");
    if (state_->budget.timed() &&
        state_->request.clock->now_ns() >= state_->budget.fit_deadline_ns()) {
      return tl::unexpected<Error>(budget_error("fitting a constant model"));
    }
    if (rows[0].status == name_of(TrialStatus::kOverLimit)) {
      return tl::unexpected<Error>(baseline_error(rows[0]));
    }
    return fail(StatusCode::kData, "the baseline has no score: {}", rows[0].message);
  }
  floor_.latency_us = state_->queue->pool().candidates()[0].latency_us;
  floor_.file_bytes = state_->queue->pool().candidates()[0].file_bytes;
  const Chosen chosen = alone(state_->queue->pool().candidates()[0]);
  baseline_score_ = chosen.score;
  const double before = state_->budget.elapsed_seconds();
  // A sweep that goes on has a better one.
  if (best_rows_.empty()) ASSAY_RETURN_IF_ERROR(keep_as_best(chosen, false));
  ASSAY_RETURN_IF_ERROR(parent_->checkpoint());
  state_->budget.observe_save(state_->budget.elapsed_seconds() - before, best_rows_.front().bytes);
  state_->publish_deadlines();
  return {};
}

void SweepLead::search() {
  progress(SweepPhase::kSearching);
  prepare_seconds_ = state_->budget.elapsed_seconds();
  if (past_ != nullptr) prepare_seconds_ -= past_->elapsed_seconds - past_->prepare_seconds;
  keep_elapsed(true);
  slot_group_ = std::make_unique<SlotGroup>(state_);
  slot_group_->start(slots_);
  watch(*slot_group_);
  // Records of the last trials are still being written; a disk that hangs must not hold the end.
  const int64_t patience_ns = state_->budget.logical() ? kNoDeadline : state_->seal_ns.load();
  outcome_.stalled_trials = slot_group_->wait(*state_->request.clock, patience_ns);
  hear(state_->queue->wait_events(0));
  tell_rest();
  keep_elapsed(true);
  say_what_moved();
  say_what_is_known();
  say_what_ended();
}

// Each trial that another device did than the one whose turn it was; and how many each has done.
void SweepLead::say_what_moved() {
  std::map<std::string, int64_t, std::less<>> counts;
  std::vector<std::string> moves;
  {
    const std::lock_guard lock(state_->slots_mutex);
    moves.swap(state_->moves);
    counts = state_->device_trials;
  }
  for (std::string& text : moves) note(std::move(text));
  if (counts.size() < 2) return;
  std::string text;
  for (const auto& [device, count] : counts) {
    text += fmt::format("{}{} on {}", text.empty() ? "" : ", ", count, device);
  }
  note("trials: " + text);
}

// For a process that goes on; what is lost of it is a second or so.
void SweepLead::keep_elapsed(bool now) {
  constexpr int64_t kPeriodNs = 1'000'000'000;
  const int64_t now_ns = state_->request.clock->now_ns();
  if (!now && now_ns - elapsed_kept_ns_ < kPeriodNs) return;
  elapsed_kept_ns_ = now_ns;
  (void)state_->archive->keep_elapsed(state_->budget.elapsed_seconds(), prepare_seconds_);
}

void SweepLead::say_what_is_known() {
  if (past_ == nullptr) return;
  const int64_t lost = state_->queue->drop_absent();
  if (lost > 0) {
    note(
        fmt::format("{} trials of before are left out of the ensemble: there was no time to train "
                    "them again",
                    lost));
  }
  const auto unknown = state_->known.size() - outcome_.known_trials;
  if (unknown > 0 && state_->budget.logical() && !user_stopped()) {
    note(
        fmt::format("warning: {} trials were recorded with other settings than this program "
                    "proposes, and were run anew",
                    unknown));
  }
}

// What was late by a moment, or only wrote its record, has ended while the model was saved.
void SweepLead::say_what_stalled() {
  if (outcome_.stalled_trials == 0) return;
  const Clock& clock = *state_->request.clock;
  outcome_.stalled_trials = slot_group_->wait(clock, clock.now_ns());
  if (outcome_.stalled_trials == 0) return;
  note(fmt::format("{} trial{} did not stop in time and {} left behind", outcome_.stalled_trials,
                   outcome_.stalled_trials == 1 ? "" : "s",
                   outcome_.stalled_trials == 1 ? "was" : "were"));
}

void SweepLead::say_what_ended() {
  const auto end = state_->queue->end();
  if (user_stopped()) {
    outcome_.ended_by = SweepEnd::kUser;
    return;
  }
  if (!end) return;
  switch (*end) {
    case TrialQueue::End::kTrials:
      outcome_.ended_by = SweepEnd::kTrials;
      return;
    case TrialQueue::End::kExhausted:
      outcome_.ended_by = SweepEnd::kExhausted;
      return note("nothing is left to try: the search has no further settings to propose");
    case TrialQueue::End::kFailures:
      outcome_.ended_by = SweepEnd::kFailures;
      return note("warning: the search ended early: its last trials only failed");
    case TrialQueue::End::kPatience:
      outcome_.ended_by = SweepEnd::kPatience;
      return note(fmt::format(
          "the search ended after {:.1f} of {:g} s: {} trials in a row have not bettered the best "
          "one (budget.patience; 0 uses up the time)",
          state_->budget.elapsed_seconds(), config_.budget.time, config_.budget.patience));
  }
}

void SweepLead::watch(SlotGroup& slots) {
  Budget& budget = state_->budget;
  const Clock& clock = *state_->request.clock;
  while (!state_->queue->idle() && slots.running() > 0) {
    hear(state_->queue->wait_events(untold_.empty() ? kWatchMilliseconds : kSettleMilliseconds));
    forecast_end();
    keep_best();
    look_at_journal();
    keep_elapsed(false);
    budget.expect_backlog(state_->request.workspace->backlog_seconds());
    state_->publish_deadlines();
    progress(SweepPhase::kSearching);
    // Best effort: a lease that is not renewed for a while harms nobody.
    (void)state_->request.workspace->heartbeat();
    if (user_stopped() || (budget.timed() && clock.now_ns() >= budget.fit_deadline_ns())) {
      state_->queue->close();
    }
    if (budget.timed() && clock.now_ns() >= budget.seal_ns()) break;
  }
  state_->stop.request();
  state_->queue->seal();
}

void SweepLead::look_at_journal() {
  const auto journal = state_->request.workspace->journal();
  if (!journal || (*journal)->health()) return;
  const std::string why = (*journal)->health().error().message;
  if (!std::exchange(journal_trouble_, why).empty()) return;  // said before
  if ((*journal)->fenced()) {
    tell_loss(fmt::format("warning: {}; nothing of this sweep is recorded from here on", why));
  } else {
    tell_loss(
        fmt::format("warning: the journal could not be written: {}; from here on records of trials "
                    "are written straight to their files",
                    why));
  }
}

bool SweepLead::user_stopped() const {
  return state_->request.stop != nullptr && state_->request.stop->requested();
}

void SweepLead::note(std::string text) {
  if (held_notes_) return held_notes_->push_back(std::move(text));
  if (state_->request.observer != nullptr) state_->request.observer->on_note(text);
  keep(std::move(text));
}

std::vector<std::string> SweepLead::notes_of(FunctionRef<void()> work) {
  held_notes_.emplace();
  work();
  std::vector<std::string> notes = std::move(*held_notes_);
  held_notes_.reset();
  return notes;
}

void SweepLead::tell_loss(std::string text) {
  if (state_->request.observer != nullptr) state_->request.observer->on_loss(text);
  keep(std::move(text));
}

void SweepLead::tell_damage(const std::vector<std::string>& messages) {
  for (const std::string& message : messages) {
    // A model that is gone on from may be registered anew under its name.
    std::vector<std::string>& known = outcome_.damage;
    if (std::find(known.begin(), known.end(), message) != known.end()) continue;
    known.push_back(message);
    tell_loss(fmt::format("warning: {} (assay fsck --quarantine puts it away)", message));
  }
}

void SweepLead::keep(std::string text) {
  // Log text is for people; a run that cannot take it still counts.
  if (parent_ != nullptr) (void)parent_->log_text(tracking::TextStream::kStdout, text + "\n");
  outcome_.notes.push_back(std::move(text));
}

void SweepLead::progress(SweepPhase phase) {
  if (state_->request.observer == nullptr) return;
  SweepProgress now;
  now.phase = phase;
  now.elapsed_seconds = state_->budget.elapsed_seconds();
  now.limit_seconds = config_.budget.time_limit();
  now.trial_limit = config_.budget.trials;
  if (state_->set != nullptr) now.metric = std::string(state_->set->metric().name());
  if (state_->queue != nullptr) {
    now.trials_done = state_->queue->counts().done();
    now.best_score = state_->queue->best_score();
    now.best_learner = state_->queue->best_learner();
    now.running = state_->queue->running_names();
  }
  state_->request.observer->on_progress(now);
}

void SweepLead::hear(std::vector<TrialEvent> events) {
  const auto journal = state_->request.workspace->journal();
  const uint64_t seq = journal ? (*journal)->last_seq() : 0;
  for (TrialEvent& event : events) untold_.push_back({std::move(event), seq});
  tell_recorded();
}

void SweepLead::tell_recorded() {
  const auto journal = state_->request.workspace->journal();
  const bool kept = journal && !(*journal)->fenced();
  while (!untold_.empty()) {
    if (kept && !(*journal)->is_settled(untold_.front().journal_seq)) return;
    tell(untold_.front().event);
    untold_.pop_front();
  }
}

void SweepLead::tell_rest() {
  const auto journal = state_->request.workspace->journal();
  if (journal && !untold_.empty() && !state_->budget.timed()) (*journal)->commit();
  tell_recorded();
  for (int look = 0; look < kLastLooks && !untold_.empty(); ++look) {
    std::this_thread::sleep_for(std::chrono::milliseconds(kSettleMilliseconds));
    tell_recorded();
  }
  // A slow disk must not hold the end.
  for (const Untold& untold : untold_) tell(untold.event);
  untold_.clear();
}

void SweepLead::tell(const TrialEvent& event) {
  SweepObserver* const observer = state_->request.observer;
  if (observer != nullptr && event.known) observer->on_known(event.result);
  if (observer != nullptr && !event.known) observer->on_trial(event.result, event.score);
  std::string line = fmt::format("{:.2f} s: trial {} {} {}", state_->budget.elapsed_seconds(),
                                 event.result.spec.number, event.result.spec.learner,
                                 name_of(event.result.status));
  if (event.score) line += fmt::format(" {} {}", state_->set->metric().name(), *event.score);
  if (!event.result.message.empty()) line += ": " + event.result.message;
  if (event.known) ++outcome_.known_trials;
  if (!event.known) (void)parent_->log_text(tracking::TextStream::kStdout, line + "\n");
  if (!event.score || !has_score(event.result.status)) return;
  const Metric& metric = state_->set->metric();
  if (!best_ || metric.is_better(*event.score, *best_)) best_ = event.score;
  if (told_.contains(event.result.spec.number)) return;
  (void)parent_->log_metric("trial_score", *event.score, event.result.spec.number);
  (void)parent_->log_metric("best_score", *best_, event.result.spec.number);
}

kernels::ComputeContext SweepLead::context(const StopToken& stop) const {
  return context_on(state_->request.compute.leading(), stop);
}

kernels::ComputeContext SweepLead::context_on(kernels::Device* device,
                                              const StopToken& stop) const {
  const SweepCompute& compute = state_->request.compute;
  return {compute.kernels, device, compute.host, executor_.get(), &stop};
}

Status SweepLead::prepare_part(const char* what, const StopToken& stop,
                               FunctionRef<Status(const kernels::ComputeContext&)> work) {
  const SweepCompute& compute = state_->request.compute;
  kernels::Device* const device = compute.preparing();
  Status done = work(context_on(device, stop));
  if (done || device == compute.host || stop.requested()) return done;
  const StatusCode code = done.error().code;
  if (code != StatusCode::kDevice && code != StatusCode::kResourceExhausted) return done;
  note(fmt::format("{} moved to {} from {} ({})", what, compute.host->info().id, device->info().id,
                   done.error().message));
  return work(context_on(compute.host, stop));
}

Error SweepLead::budget_error(const std::string& doing, double ready_seconds) const {
  const Budget& budget = state_->budget;
  const double limit = config_.budget.time_limit().value_or(0);
  // A tenth more: the next time the machine may be a little slower.
  const double needed = 1.1 * budget.limit_for(std::max(ready_seconds, budget.elapsed_seconds()));
  return {StatusCode::kBudgetTooSmall,
          fmt::format("budget.time={} s is too small: {} was not done after {:.2g} s, too late for "
                      "a model; {} {:.2g} s are needed",
                      limit, doing, budget.elapsed_seconds(),
                      ready_seconds > 0 ? "about" : "more than", std::max(needed, limit))};
}

Error SweepLead::close_failed(Error error) {
  using tracking::RunStatus;
  const Budget& budget = state_->budget;
  if (error.code == StatusCode::kCancelled && !user_stopped() && budget.timed()) {
    error = budget_error("reading and preparing the table");
  }
  const bool stopped = error.code == StatusCode::kCancelled;
  // The first error counts, whether its record can be written or not.
  if (parent_ == nullptr) return error;
  // What a run had come to before is not undone.
  const RunStatus ended = past_ != nullptr ? past_->status : RunStatus::kFailed;
  (void)parent_->finish(stopped ? RunStatus::kInterrupted : ended, error.message);
  return error;
}

Result<SweepOutcome> run_sweep(const SweepRequest& request) {
  ASSAY_RETURN_IF_ERROR(check_request(request));
  try {
    SweepRequest settled = request;
    if (request.config.constraints.interpretable) {
      ASSAY_RETURN_IF_ERROR(make_readable(settled.config, settled.learners));
    }
    return SweepLead(settled).run();
  } catch (const std::bad_alloc&) {
    return fail(StatusCode::kResourceExhausted, "the sweep ran out of memory");
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::resource_unavailable_try_again) {
      return fail(
          StatusCode::kResourceExhausted,
          "the sweep could make no further thread (a limit of processes or of address space)");
    }
    return fail(StatusCode::kInternal, "the sweep failed: {}", error.what());
  } catch (const std::exception& error) {
    return fail(StatusCode::kInternal, "the sweep failed: {}", error.what());
  }
}

}  // namespace assay::automl
