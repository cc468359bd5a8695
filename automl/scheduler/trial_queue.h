// TrialQueue hands out trials to slots and hears their results: the one place where search,
// pruning, admission, history and candidate pool meet, behind one lock. It decides as architecture
// says: in logical mode trial k is proposed, and pruned, from the results of trials below k - 16
// alone, and results reach the candidate pool in the order of trial numbers. Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "automl/ensemble/candidate_pool.h"
#include "automl/scheduler/admission.h"
#include "automl/scheduler/leaderboard.h"
#include "automl/scheduler/trial.h"
#include "automl/search/search.h"

namespace assay::automl {

struct QueueOptions {
  bool logical = false;
  int64_t trial_limit = 0;  // 0: none
  // Random trials in a row, as they end, without a better one after which the search is over; 0:
  // never. Not for logical mode.
  int64_t patience = 0;
  // One trial in so many is fitted on other partitions (search/repeat_rule.h); >= 2.
  int64_t eta = 3;
  PoolLimits pool;
  // The last trial that is known from an earlier process; -1: none.
  int64_t last_known = -1;
  // Planned bytes of a trial, whose parameters it may lower to fit the memory; resource_exhausted
  // if nothing sensible fits, another error if it cannot be planned.
  std::function<Result<int64_t>(TrialSpec&)> plan;
};

// A trial that ended, for who watches.
struct TrialEvent {
  TrialResult result;
  std::optional<double> score;
  bool known = false;  // TrialOutcome::known
};

struct TrialCounts {
  int64_t started = 0;
  int64_t running = 0;
  int64_t finished = 0;  // with a score
  int64_t failed = 0;    // or skipped
  int64_t pruned = 0;
  int64_t cancelled = 0;
  int64_t over_limit = 0;  // against a constraint
  int64_t done() const { return finished + failed + pruned + cancelled + over_limit; }
};

class TrialQueue {
 public:
  // `pruner` may be null: nothing is pruned. Both are owned.
  TrialQueue(std::unique_ptr<Search> search, std::unique_ptr<Pruner> pruner, Admission admission,
             QueueOptions options);

  // Why a trial that runs when the queue is sealed counts as cancelled.
  static constexpr std::string_view kGivenUp = "still running when the time was up";
  // The next trial to run. Blocks until one may start; nothing once there is none: closed, the
  // limit reached or the search at its end. What cannot run is recorded as skipped or failed here.
  std::optional<TrialSpec> next();
  // Whether the trial goes on past the rung.
  bool pass_rung(int64_t number, const RungValue& value);
  // False once sealed: the trial was given up, and what came of it counts no more. From here on the
  // search knows of it; wait_events() gives it once it is announced.
  bool finish(TrialOutcome outcome);
  // The finished trial is recorded, or never will be.
  void announce(int64_t number);

  // A known trial that is wanted in the pool and whose model is not at hand, the best first, once
  // all known ones were handed out: to be run again for its model, and brought back by restore().
  // Nothing if there is none, or no memory for one now.
  std::optional<TrialSpec> next_absent();
  // What came of it; without a score it leaves the pool. False if the score is another one than
  // before: then that is what counts for the ensemble.
  bool restore(const TrialOutcome& outcome);
  // For the end: candidates whose models could not be had any more leave the pool. Gives how many.
  int64_t drop_absent();
  // A candidate whose model was lost leaves the pool.
  void forget(int64_t trial);
  // Whether a trial with this loss may be wanted in the pool, and the trials that left it since the
  // last call.
  bool may_stay(std::string_view learner, double loss) const;
  std::vector<int64_t> take_evicted();

  // No more trials are handed out; those running may finish.
  void close();
  // No more results are heard either: what runs still counts as cancelled.
  void seal();

  // Waits until something happened or about `milliseconds` passed; gives the trials that ended and
  // were announced since the last call, and those that were never handed out or are given up.
  std::vector<TrialEvent> wait_events(int milliseconds);
  // True when no trial runs and none will be handed out.
  bool idle() const;
  // Why no further trial is handed out; nothing if it was closed, or is still at it.
  enum class End { kTrials, kExhausted, kPatience, kFailures };
  std::optional<End> end() const;

  TrialCounts counts() const;
  std::vector<std::string> running_names() const;
  std::optional<double> best_score() const;
  std::string best_learner() const;
  // Longest that computing the metric on all rows took, and what saving the pool's best models
  // takes (Candidate::save_bytes).
  double score_seconds() const;
  int64_t save_bytes(size_t models) const;
  // What is in the pool now.
  std::vector<Candidate> candidates() const;

  // For after seal(), or when idle.
  const CandidatePool& pool() const { return pool_; }
  // What trials had that were stopped before all folds were done.
  const std::vector<std::shared_ptr<const PartialTrial>>& partial_trials() const {
    return partial_trials_;
  }
  // What a trial that was handed out is to do, and the seconds of its fits, mean over the folds,
  // those of trials that it continues included.
  TrialSpec spec_of(int64_t number) const;
  double fit_seconds(int64_t number) const;
  TrialStatus status_of(int64_t number) const;
  // A row for each trial started.
  std::vector<LeaderboardRow> rows() const;

 private:
  // All with the lock held.
  bool may_propose() const;
  void refuse(TrialSpec spec, TrialStatus status, std::string message);
  void admit_to_pool(TrialOutcome& outcome);
  HistoryView view_for(int64_t number) const;
  void record(TrialResult result, std::optional<double> score);
  void add_to_pool(Candidate candidate);
  // The best one that nobody brings back yet, or null.
  const Candidate* wanted_absent() const;
  void count_gain(const TrialResult& result);

  std::unique_ptr<Search> search_;
  std::unique_ptr<Pruner> pruner_;
  QueueOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Admission admission_;
  History history_;
  CandidatePool pool_;
  std::optional<TrialSpec> pending_;  // proposed, waiting for memory
  int64_t pending_bytes_ = 0;
  bool closed_ = false;
  bool sealed_ = false;
  std::optional<End> end_;
  double best_loss_ = std::numeric_limits<double>::infinity();
  int64_t since_best_ = 0;              // random trials that ended since
  std::map<int64_t, int64_t> running_;  // trial -> planned bytes
  std::set<int64_t> restoring_;         // of running_: handed out by next_absent()
  std::vector<int64_t> evicted_;
  std::map<int64_t, Candidate> waiting_;  // logical mode: not yet in the pool
  int64_t pool_next_ = 0;                 // logical mode: next trial number for the pool
  std::deque<TrialEvent> events_;
  std::map<int64_t, TrialEvent> unannounced_;
  std::vector<LeaderboardRow> rows_;
  std::vector<std::shared_ptr<const PartialTrial>> partial_trials_;
  double score_seconds_ = 0;
};

}  // namespace assay::automl
