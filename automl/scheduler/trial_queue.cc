#include "automl/scheduler/trial_queue.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "automl/scheduler/memory_plan.h"
#include "automl/search/repeat_rule.h"

namespace assay::automl {
namespace {

// So many failures in a row, and nothing else will come.
constexpr int64_t kMaxFailuresInRow = 24;

bool only_failures(const HistoryView& history) {
  if (history.size() < kMaxFailuresInRow) return false;
  for (int64_t i = history.size() - kMaxFailuresInRow; i < history.size(); ++i) {
    const TrialStatus status = history.at(i).status;
    if (status != TrialStatus::kFailed && status != TrialStatus::kSkipped) return false;
  }
  return true;
}

Candidate candidate_of(const TrialOutcome& outcome) {
  Candidate candidate{outcome.result.spec.number,
                      outcome.result.spec.learner,
                      *outcome.result.loss,
                      *outcome.score,
                      outcome.model,
                      outcome.predictions};
  candidate.stored = outcome.stored;
  if (candidate.stored) candidate.model = nullptr;
  candidate.absent_model_bytes = outcome.model_bytes;
  candidate.absent_prediction_bytes = outcome.prediction_bytes;
  candidate.latency_us = outcome.result.footprint.latency_us;
  candidate.file_bytes = outcome.result.footprint.file_bytes;
  return candidate;
}

}  // namespace

TrialQueue::TrialQueue(std::unique_ptr<Search> search, std::unique_ptr<Pruner> pruner,
                       Admission admission, QueueOptions options)
    : search_(std::move(search)),
      pruner_(std::move(pruner)),
      options_(std::move(options)),
      admission_(admission),
      pool_(options_.pool) {}

bool TrialQueue::may_propose() const {
  return !options_.logical || history_.done_below(history_.size() - kDecisionWindow);
}

HistoryView TrialQueue::view_for(int64_t number) const {
  return options_.logical ? history_.before_window_of(number) : history_.all();
}

std::optional<TrialSpec> TrialQueue::next() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (!pending_) {
      const int64_t number = history_.size();
      if (options_.trial_limit > 0 && number >= options_.trial_limit) end_ = End::kTrials;
      if (!end_ && options_.patience > 0 && since_best_ >= options_.patience) end_ = End::kPatience;
      if (closed_ || end_) break;
      if (!may_propose()) {
        changed_.wait(lock);
        continue;
      }
      const HistoryView view = view_for(number);
      const bool failing = only_failures(view);
      if (!failing) pending_ = search_->propose(number, view);
      if (!pending_) {
        end_ = failing ? End::kFailures : End::kExhausted;
        break;
      }
      const auto bytes = options_.plan(*pending_);
      if (!bytes) {
        const bool too_large = bytes.error().code == StatusCode::kResourceExhausted;
        refuse(std::move(*pending_), too_large ? TrialStatus::kSkipped : TrialStatus::kFailed,
               bytes.error().message);
        continue;
      }
      pending_bytes_ = *bytes;
      if (!admission_.can_ever_fit(pending_bytes_)) {
        refuse(std::move(*pending_), TrialStatus::kSkipped,
               fmt::format("planned {}, but the memory limit leaves {} for a trial",
                           mib_text(pending_bytes_), mib_text(admission_.trial_bytes())));
        continue;
      }
    }
    if (closed_) break;
    // When nothing runs, waiting would free nothing.
    if (running_.empty() || admission_.fits_now(pending_bytes_)) {
      const TrialSpec spec = std::move(*pending_);
      pending_.reset();
      history_.start(spec);
      rows_.emplace_back();
      admission_.start(pending_bytes_);
      running_.emplace(spec.number, pending_bytes_);
      return spec;
    }
    changed_.wait(lock);
  }
  pending_.reset();
  changed_.notify_all();
  return std::nullopt;
}

void TrialQueue::refuse(TrialSpec spec, TrialStatus status, std::string message) {
  history_.start(spec);
  rows_.emplace_back();
  TrialResult result;
  result.spec = std::move(spec);
  result.status = status;
  result.message = std::move(message);
  pending_.reset();
  events_.push_back({result, std::nullopt, false});
  record(std::move(result), std::nullopt);
}

void TrialQueue::record(TrialResult result, std::optional<double> score) {
  LeaderboardRow& row = rows_[static_cast<size_t>(result.spec.number)];
  row.trial = result.spec.number;
  row.learner = result.spec.learner;
  row.origin = name_of(result.spec.origin);
  row.status = name_of(result.status);
  row.score = score;
  row.params = params_to_json(result.spec.params);
  row.message = result.message;
  count_gain(result);
  history_.finish(std::move(result));
  changed_.notify_all();
}

void TrialQueue::announce(int64_t number) {
  const std::lock_guard lock(mutex_);
  auto event = unannounced_.extract(number);
  if (!event) return;
  events_.push_back(std::move(event.mapped()));
  changed_.notify_all();
}

// Trials that were given up or failed are no gain either.
void TrialQueue::count_gain(const TrialResult& result) {
  if (result.loss && has_score(result.status) && *result.loss < best_loss_) {
    best_loss_ = *result.loss;
    since_best_ = 0;
  } else if (is_searched(result.spec.origin)) {
    ++since_best_;
  }
}

bool TrialQueue::pass_rung(int64_t number, const RungValue& value) {
  const std::lock_guard lock(mutex_);
  if (sealed_) return true;
  history_.record_rung(number, value);
  if (value.rung.ladder == Rung::Ladder::kPartitions) {
    return is_worth_repeating(history_.at(number), value, view_for(number), options_.eta);
  }
  if (pruner_ == nullptr) return true;
  return !pruner_->should_stop(history_.at(number), value, view_for(number));
}

bool TrialQueue::finish(TrialOutcome outcome) {
  const std::lock_guard lock(mutex_);
  if (sealed_) return false;
  const int64_t number = outcome.result.spec.number;
  LeaderboardRow& row = rows_[static_cast<size_t>(number)];
  row.run_id = outcome.run_id;
  row.fit_seconds = outcome.mean_fit_seconds();
  row.total_seconds = outcome.seconds;
  row.ended_seconds = outcome.ended_seconds;
  row.latency_us = outcome.result.footprint.latency_us;
  row.file_bytes = outcome.result.footprint.file_bytes;
  outcome.result.steps = outcome.mean_steps();
  score_seconds_ = std::max(score_seconds_, outcome.score_seconds);
  admission_.end(running_.at(number));
  running_.erase(number);
  unannounced_[number] = {outcome.result, outcome.score, outcome.known};
  record(outcome.result, outcome.score);
  if (outcome.partial != nullptr) partial_trials_.push_back(std::move(outcome.partial));
  admit_to_pool(outcome);
  return true;
}

void TrialQueue::add_to_pool(Candidate candidate) {
  const std::vector<int64_t> gone = pool_.add(std::move(candidate));
  evicted_.insert(evicted_.end(), gone.begin(), gone.end());
}

void TrialQueue::admit_to_pool(TrialOutcome& outcome) {
  const TrialResult& result = outcome.result;
  if (has_score(result.status)) {
    Candidate candidate = candidate_of(outcome);
    if (!options_.logical) {
      add_to_pool(std::move(candidate));
      return;
    }
    waiting_.emplace(result.spec.number, std::move(candidate));
  }
  if (!options_.logical) return;
  while (pool_next_ < history_.size() && history_.at(pool_next_).status != TrialStatus::kRunning) {
    if (const auto at = waiting_.find(pool_next_); at != waiting_.end()) {
      add_to_pool(std::move(at->second));
      waiting_.erase(at);
    }
    ++pool_next_;
  }
}

const Candidate* TrialQueue::wanted_absent() const {
  if (history_.size() <= options_.last_known && !end_) return nullptr;
  for (const Candidate& candidate : pool_.candidates()) {
    if (candidate.absent() && !restoring_.contains(candidate.trial)) return &candidate;
  }
  return nullptr;
}

std::optional<TrialSpec> TrialQueue::next_absent() {
  const std::lock_guard lock(mutex_);
  const Candidate* const wanted = closed_ ? nullptr : wanted_absent();
  if (wanted == nullptr) return std::nullopt;
  TrialSpec spec = history_.at(wanted->trial).spec;
  TrialSpec planned = spec;
  const int64_t bytes = options_.plan(planned).value_or(0);
  if (!running_.empty() && !admission_.fits_now(bytes)) return std::nullopt;
  admission_.start(bytes);
  running_.emplace(spec.number, bytes);
  restoring_.insert(spec.number);
  return spec;
}

bool TrialQueue::restore(const TrialOutcome& outcome) {
  const std::lock_guard lock(mutex_);
  const int64_t number = outcome.result.spec.number;
  admission_.end(running_.at(number));
  running_.erase(number);
  restoring_.erase(number);
  changed_.notify_all();
  if (sealed_) return true;
  if (!has_score(outcome.result.status)) {
    pool_.remove(number);
    return true;
  }
  const bool same = outcome.result.loss == history_.at(number).loss;
  pool_.replace(candidate_of(outcome));
  return same;
}

int64_t TrialQueue::drop_absent() {
  const std::lock_guard lock(mutex_);
  const size_t before = pool_.candidates().size();
  pool_.drop_absent();
  return static_cast<int64_t>(before - pool_.candidates().size());
}

void TrialQueue::forget(int64_t trial) {
  const std::lock_guard lock(mutex_);
  pool_.remove(trial);
}

bool TrialQueue::may_stay(std::string_view learner, double loss) const {
  const std::lock_guard lock(mutex_);
  return pool_.may_stay(learner, loss);
}

std::vector<int64_t> TrialQueue::take_evicted() {
  const std::lock_guard lock(mutex_);
  return std::exchange(evicted_, {});
}

void TrialQueue::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

void TrialQueue::seal() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  sealed_ = true;
  for (const auto& [number, bytes] : running_) {
    if (restoring_.contains(number)) continue;
    TrialResult result = history_.at(number);
    result.status = TrialStatus::kCancelled;
    result.message = std::string(kGivenUp);
    events_.push_back({result, std::nullopt, false});
    record(std::move(result), std::nullopt);
  }
  // What waits for a lower number that never ended is as good as any.
  for (auto& [number, candidate] : waiting_) add_to_pool(std::move(candidate));
  waiting_.clear();
  changed_.notify_all();
}

std::vector<TrialEvent> TrialQueue::wait_events(int milliseconds) {
  std::unique_lock lock(mutex_);
  if (events_.empty()) changed_.wait_for(lock, std::chrono::milliseconds(milliseconds));
  std::vector<TrialEvent> events(std::make_move_iterator(events_.begin()),
                                 std::make_move_iterator(events_.end()));
  events_.clear();
  return events;
}

bool TrialQueue::idle() const {
  const std::lock_guard lock(mutex_);
  const bool over = closed_ || (end_.has_value() && wanted_absent() == nullptr);
  return running_.empty() && !pending_ && over;
}

std::optional<TrialQueue::End> TrialQueue::end() const {
  const std::lock_guard lock(mutex_);
  return end_;
}

TrialCounts TrialQueue::counts() const {
  const std::lock_guard lock(mutex_);
  TrialCounts counts;
  counts.started = history_.size();
  for (int64_t i = 0; i < history_.size(); ++i) {
    switch (history_.at(i).status) {
      case TrialStatus::kRunning:
        ++counts.running;
        break;
      case TrialStatus::kFinished:
      case TrialStatus::kPartial:
        ++counts.finished;
        break;
      case TrialStatus::kFailed:
      case TrialStatus::kSkipped:
        ++counts.failed;
        break;
      case TrialStatus::kPruned:
        ++counts.pruned;
        break;
      case TrialStatus::kCancelled:
        ++counts.cancelled;
        break;
      case TrialStatus::kOverLimit:
        ++counts.over_limit;
        break;
    }
  }
  return counts;
}

std::vector<std::string> TrialQueue::running_names() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [number, bytes] : running_) {
    names.push_back(fmt::format("{} #{}", history_.at(number).spec.learner, number));
  }
  return names;
}

std::optional<double> TrialQueue::best_score() const {
  const std::lock_guard lock(mutex_);
  if (pool_.candidates().empty()) return std::nullopt;
  return pool_.candidates().front().score;
}

std::string TrialQueue::best_learner() const {
  const std::lock_guard lock(mutex_);
  return pool_.candidates().empty() ? std::string() : pool_.candidates().front().learner;
}

double TrialQueue::score_seconds() const {
  const std::lock_guard lock(mutex_);
  return score_seconds_;
}

int64_t TrialQueue::save_bytes(size_t models) const {
  const std::lock_guard lock(mutex_);
  int64_t bytes = 0;
  for (size_t i = 0; i < std::min(models, pool_.candidates().size()); ++i) {
    bytes += pool_.candidates()[i].save_bytes();
  }
  return bytes;
}

std::vector<Candidate> TrialQueue::candidates() const {
  const std::lock_guard lock(mutex_);
  std::vector<Candidate> candidates = pool_.candidates();
  std::erase_if(candidates, [](const Candidate& candidate) { return candidate.absent(); });
  return candidates;
}

TrialSpec TrialQueue::spec_of(int64_t number) const {
  const std::lock_guard lock(mutex_);
  return history_.at(number).spec;
}

double TrialQueue::fit_seconds(int64_t number) const {
  const std::lock_guard lock(mutex_);
  double seconds = 0;
  for (; number >= 0; number = history_.at(number).spec.continues) {
    seconds += rows_[static_cast<size_t>(number)].fit_seconds;
  }
  return seconds;
}

TrialStatus TrialQueue::status_of(int64_t number) const {
  const std::lock_guard lock(mutex_);
  return history_.at(number).status;
}

std::vector<LeaderboardRow> TrialQueue::rows() const {
  const std::lock_guard lock(mutex_);
  return rows_;
}

}  // namespace assay::automl
