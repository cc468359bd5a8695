// How time is shared among trials, and when a search is over, in virtual time.
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include "automl/report/run_summary.h"
#include "automl/scheduler/known_trials.h"
#include "automl/scheduler/time_slices.h"
#include "automl/scheduler/trial_queue.h"
#include "tests/automl/scheduler_fakes.h"
#include "tracking/run_file.h"
#include "tracking/run_publisher.h"

namespace assay::automl {
namespace {

using Script = FakeLearner::Script;

constexpr int64_t kStep = kSecond / 100;

// A fit of so many seconds that looks whether to stop every hundredth of one, and then gives what
// it has.
std::function<Script(const FakeLearner::Call&)> work(SweepBench& bench, double seconds) {
  return [&bench, seconds](const FakeLearner::Call& call) {
    for (int64_t done = 0; done < static_cast<int64_t>(seconds * kSecond); done += kStep) {
      if (call.context.stop->requested()) return Script{{}, true};
      bench.clock.advance(kStep);
    }
    return Script{};
  };
}

FakeLearner& add(SweepBench& bench, const std::string& name, double seconds) {
  auto learner = std::make_unique<FakeLearner>(name, work(bench, seconds));
  // Of the cost model's nanoseconds for each of the 48 rows that a fit trains on.
  learner->with_cost(seconds * 1e9 / 48);
  return bench.add(std::move(learner));
}

TrialSpec spec_of(const std::string& learner, TrialOrigin origin = TrialOrigin::kDefault) {
  TrialSpec spec;
  spec.learner = learner;
  spec.origin = origin;
  return spec;
}

TEST(TimeSlices, FollowTheExampleOfTheirHeader) {
  TimeSlices slices({{"a", 1}, {"b", 1}, {"c", 1}}, 1);
  const int64_t end = 9 * kSecond;
  EXPECT_EQ(slices.deadline_ns(spec_of("constant", TrialOrigin::kBaseline), 0, end), end);
  EXPECT_EQ(slices.deadline_ns(spec_of("a"), 0, end), 3 * kSecond);
  EXPECT_EQ(slices.deadline_ns(spec_of("b"), kSecond, end), 5 * kSecond);
  EXPECT_EQ(slices.deadline_ns(spec_of("c"), 5 * kSecond, end), end);
  EXPECT_EQ(slices.deadline_ns(spec_of("a", TrialOrigin::kRandom), 5 * kSecond, end), end);
}

TEST(WithinSeconds, PassesOverWhatNoLongerFits) {
  const std::vector<double> seconds = {2, 5, 3, 1, 0.5};
  EXPECT_EQ(within_seconds(seconds, 6.5), (std::vector<size_t>{0, 2, 3, 4}));
  EXPECT_EQ(within_seconds(seconds, 1), (std::vector<size_t>{3}));
  EXPECT_TRUE(within_seconds(seconds, -1).empty());
  EXPECT_TRUE(within_seconds({}, 1).empty());
}

TEST(TimeSlices, GiveEachSlotItsTrialsAndALeaderTwoShares) {
  TimeSlices slices({{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}}, 2);
  const int64_t end = 8 * kSecond;
  EXPECT_EQ(slices.deadline_ns(spec_of("d"), 0, end), 4 * kSecond);
  EXPECT_EQ(slices.deadline_ns(spec_of("b"), 0, end), 16 * kSecond / 3);
  EXPECT_EQ(slices.deadline_ns(spec_of("a"), 4 * kSecond, end), end);
  EXPECT_EQ(slices.deadline_ns(spec_of("c"), 5 * kSecond, end), end);
  TimeSlices leading({{"gbt", 2}, {"b", 1}, {"c", 1}}, 1);
  EXPECT_EQ(leading.deadline_ns(spec_of("gbt"), 0, end), 4 * kSecond);
  EXPECT_EQ(leading.deadline_ns(spec_of("b"), 4 * kSecond, end), 6 * kSecond);
}

TEST(TimeSlices, LeaveARestForAfterAllDefaults) {
  TimeSlices slices({{"gbt", 3}, {"b", 1}}, 1, 2);
  EXPECT_EQ(slices.deadline_ns(spec_of("gbt"), 0, 12 * kSecond), 6 * kSecond);
  EXPECT_EQ(slices.deadline_ns(spec_of("b"), 6 * kSecond, 12 * kSecond), 8 * kSecond);
  EXPECT_EQ(slices.deadline_ns(spec_of("gbt", TrialOrigin::kContinued), 8 * kSecond, 12 * kSecond),
            12 * kSecond);
}

TEST(TimeSlices, DoNothingWithoutADeadlineOrAfterIt) {
  TimeSlices slices({{"a", 1}, {"b", 1}, {"c", 1}}, 1);
  EXPECT_EQ(slices.deadline_ns(spec_of("a"), kSecond, kNoDeadline), kNoDeadline);
  EXPECT_EQ(slices.deadline_ns(spec_of("b"), 5 * kSecond, 4 * kSecond), 4 * kSecond);
}

std::string order_of(std::vector<PlannedDefault> defaults, double seconds_left) {
  order_defaults(defaults, seconds_left);
  std::string text;
  for (const PlannedDefault& next : defaults) {
    text += fmt::format("{}{}", next.learner, next.share == 1 ? " " : "* ");
  }
  return text;
}

TEST(OrderDefaults, PutsTheQuickFirstAndALeaderThatCanEndNext) {
  EXPECT_EQ(order_of({{"linear", 0.9}, {"gbt", 0.1, true}, {"rf", 0.5}}, 10), "linear gbt rf ");
  EXPECT_EQ(order_of({{"linear", 5}, {"gbt", 9, true}, {"et", 3}, {"rf", 0.5}}, 10),
            "rf gbt* et linear ");
  EXPECT_EQ(order_of({{"linear", 60}, {"gbt", 11, true}, {"et", 3}, {"rf", 5}}, 10),
            "et* rf gbt linear ");
  EXPECT_EQ(order_of({}, 10), "");
}

// Learners by name in the order of their first trial.
std::vector<std::string> tried(const SweepOutcome& outcome) {
  std::map<int64_t, std::string> by_trial;
  for (const LeaderboardRow& row : outcome.leaderboard.rows) {
    if (row.trial >= 0) by_trial[row.trial] = row.learner;
  }
  std::vector<std::string> names;
  for (const auto& [trial, name] : by_trial) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

std::map<std::string, std::string> statuses(const SweepOutcome& outcome) {
  std::map<std::string, std::string> by_learner;
  for (const LeaderboardRow& row : outcome.leaderboard.rows) {
    if (row.origin == "default") by_learner[row.learner] = row.status;
  }
  return by_learner;
}

TEST(SweepTime, TriesTheQuickFirstAndGivesTheSlowAShare) {
  SweepBench bench;
  bench.add(std::make_unique<FakeLearner>("constant"));
  add(bench, "linear", 300);
  add(bench, "gbt", 100);
  add(bench, "extra_trees", 3);
  add(bench, "random_forest", 4);
  bench.request.config.budget.time = 20;
  bench.request.config.validation.method = "holdout";
  bench.request.config.validation.refit = false;
  bench.request.threads = 1;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(tried(*outcome), (std::vector<std::string>{"constant", "extra_trees", "random_forest",
                                                       "gbt", "linear"}));
  const auto status = statuses(*outcome);
  EXPECT_EQ(status.at("extra_trees"), "finished");
  EXPECT_EQ(status.at("random_forest"), "finished");
  EXPECT_EQ(status.at("gbt"), "partial") << "it keeps what it had when its share was up";
  EXPECT_EQ(status.at("linear"), "partial") << "and so leaves one to the last";
  EXPECT_LE(static_cast<double>(bench.clock.now_ns()) * 1e-9, 20.4);
  EXPECT_EQ(outcome->ended_by, SweepEnd::kTime);
  const auto said = std::find_if(
      outcome->notes.begin(), outcome->notes.end(),
      [](const std::string& text) { return text.find("time is short") != std::string::npos; });
  ASSERT_NE(said, outcome->notes.end());
  EXPECT_NE(said->find("extra_trees (3 s), random_forest (4 s), gbt (1e+02 s)"), std::string::npos)
      << *said;
}

TEST(SweepTime, GoesOnWithALeaderWhoseShareWasTooShort) {
  SweepBench bench;
  bench.add(std::make_unique<FakeLearner>("constant"));
  add(bench, "linear", 1);
  add(bench, "extra_trees", 4);
  // It has made half of its way when its share is up, and goes on from there.
  int64_t done = 0;
  int states = 0;
  auto leader = std::make_unique<FakeLearner>("gbt", [&](const FakeLearner::Call& call) {
    if (call.request.state != nullptr) ++states;
    if (call.request.state == nullptr) done = 0;
    for (; done < 14 * kSecond; done += kStep) {
      if (call.context.stop->requested()) return Script{{}, true};
      bench.clock.advance(kStep);
    }
    return Script{};
  });
  leader->with_cost(14 * 1e9 / 48).with_going_on();
  bench.add(std::move(leader));
  bench.request.config.budget.time = 30;
  bench.request.config.validation.method = "holdout";
  bench.request.threads = 1;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(states, 1);
  std::string origins;
  for (int64_t trial = 0; trial < 5; ++trial) {
    for (const LeaderboardRow& row : outcome->leaderboard.rows) {
      if (row.trial == trial) origins += row.learner + " " + row.origin + " " + row.status + "; ";
    }
  }
  EXPECT_EQ(origins,
            "constant baseline finished; linear default finished; gbt default partial; "
            "extra_trees default finished; gbt continued finished; ");
  EXPECT_LE(static_cast<double>(bench.clock.now_ns()) * 1e-9, 30.6);
  // A later process reads what was proposed.
  const auto known = KnownTrials::load(*bench.request.workspace, outcome->run_id);
  ASSERT_TRUE(known) << known.error().message;
  ASSERT_GT(known->size(), 4);
  EXPECT_EQ(known->specs()[4].origin, TrialOrigin::kContinued);
}

TEST(SweepTime, KeepsTheListedOrderWhereTimeIsPlenty) {
  SweepBench bench;
  bench.add(std::make_unique<FakeLearner>("constant"));
  add(bench, "linear", 0.2);
  add(bench, "gbt", 0.1);
  add(bench, "extra_trees", 0.05);
  bench.request.config.budget.time = 60;
  bench.request.config.budget.trials = 4;
  bench.request.config.validation.method = "holdout";
  bench.request.threads = 1;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(tried(*outcome),
            (std::vector<std::string>{"constant", "linear", "gbt", "extra_trees"}));
  EXPECT_EQ(outcome->ended_by, SweepEnd::kTrials);
}

TEST(SweepTime, EndsWhenManyTrialsGainNothing) {
  SweepBench bench;
  bench.add(std::make_unique<FakeLearner>("constant"));
  // Random draws of the bias: the best is soon close to 0 and rarely bettered.
  add(bench, "gbt", 0.001);
  bench.request.config.budget.time = 3600;
  bench.request.config.budget.patience = 40;
  bench.request.config.search.halving = false;
  bench.request.threads = 1;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->ended_by, SweepEnd::kPatience);
  EXPECT_LT(outcome->wall_seconds, 3000);
  // Exactly so many trials after the best one.
  int64_t best = -1;
  double best_score = 1e9;
  int64_t last = 0;
  for (const LeaderboardRow& row : outcome->leaderboard.rows) {
    if (row.trial < 0) continue;
    last = std::max(last, row.trial);
    if (*row.score < best_score) {
      best_score = *row.score;
      best = row.trial;
    }
  }
  EXPECT_EQ(last - best, 40);
  const auto said = std::find_if(
      outcome->notes.begin(), outcome->notes.end(),
      [](const std::string& text) { return text.find("budget.patience") != std::string::npos; });
  ASSERT_NE(said, outcome->notes.end());
  EXPECT_NE(said->find("40 trials in a row"), std::string::npos) << *said;
  EXPECT_NE(run_summary_json(*outcome).find("\"ended_by\":\"patience\""), std::string::npos);
}

TEST(SweepTime, LooksAtNoPatienceWithATrialBudget) {
  SweepBench bench;
  bench.add(std::make_unique<FakeLearner>("constant"));
  bench.add(std::make_unique<FakeLearner>("gbt"));
  bench.request.config.budget.patience = 1;
  bench.request.config.budget.trials = 60;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->finished + outcome->pruned, 60);
  EXPECT_EQ(outcome->ended_by, SweepEnd::kTrials);
}

// How often the leading thread has looked at the time.
class LooksObserver final : public SweepObserver {
 public:
  void on_progress(const SweepProgress&) override {
    const std::lock_guard lock(mutex_);
    ++looks_;
    looked_.notify_all();
  }
  void wait_for_looks(int64_t count) {
    std::unique_lock lock(mutex_);
    const int64_t wanted = looks_ + count;
    looked_.wait(lock, [&] { return looks_ >= wanted; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable looked_;
  int64_t looks_ = 0;
};

// Eight models of 75 MB would take 8 s to read and save; an ensemble of two at most takes a
// quarter.
TEST(SweepTime, KeepsNoMoreBackForSavingThanWhatWouldBeChosenTakes) {
  SweepBench bench;
  LooksObserver observer;
  bench.request.observer = &observer;
  double last = 0;
  const auto fit = [&](const FakeLearner::Call& call) {
    if (call.context.stop->requested()) return Script{{}, true};
    last = static_cast<double>(bench.clock.now_ns()) * 1e-9;
    // Steps that the leading thread cannot miss what it looks out for in, near to it. No run files
    // wait to be written, for which time is kept back too: more of it on a busy machine.
    const bool near = last >= 15 && last < 28;
    if (near) (void)(*bench.request.workspace->publisher())->drain(nullptr);
    bench.clock.advance(near ? kSecond / 4 : kSecond);
    if (near) observer.wait_for_looks(2);
    return Script{};
  };
  bench.add(std::make_unique<FakeLearner>("constant"));
  bench.add(std::make_unique<FakeLearner>("gbt", fit)).with_model_bytes(75'000'000);
  bench.request.config.budget.time = 30;
  bench.request.config.budget.patience = 0;
  bench.request.config.search.halving = false;
  bench.request.config.ensemble.iterations = 2;
  bench.request.config.validation.method = "holdout";
  bench.request.config.validation.refit = false;
  bench.request.threads = 1;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->ended_by, SweepEnd::kTime);
  EXPECT_GT(last, 25);
  EXPECT_LE(outcome->wall_seconds, 30.4);
}

TEST(SweepTime, SaysThatNothingIsLeftToTry) {
  SweepBench bench;
  bench.add(std::make_unique<FakeLearner>("constant"));
  bench.add(std::make_unique<FakeLearner>("gbt"));
  bench.request.config.learners = {{"gbt", {{"bias", 0.5}}}};
  bench.request.config.budget.time = 60;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->ended_by, SweepEnd::kExhausted);
  EXPECT_EQ(outcome->finished, 2);
}

// The blend of many models of noise is perfect on the few rows that chose it.
// One model is as good as the truth on average; what a blend gains on the rows that choose it is
// lost on the others.
TEST(SweepTime, RegistersTheBestTrialWhereABlendIsOnlyFlattered) {
  SweepBench bench;
  bench.request.table = small_table(60, false);
  bench.add(std::make_unique<FakeLearner>("constant"));
  bench.add(std::make_unique<FakeLearner>("gbt"));
  bench.request.config.budget.trials = 30;
  bench.request.config.search.halving = false;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  ASSERT_TRUE(outcome->selection_score);
  EXPECT_EQ(*outcome->selection_score, *outcome->leaderboard.rows[0].score);
  EXPECT_GE(outcome->validation_score, *outcome->selection_score) << "rmse: it flatters";
  EXPECT_NE(outcome->leaderboard.rows[0].learner, "ensemble");
  EXPECT_TRUE(std::any_of(outcome->notes.begin(), outcome->notes.end(),
                          [](const auto& note) { return note.starts_with("no ensemble: "); }));
}

// The best of many models that are all as bad as each other is lucky on the rows that choose it.
TEST(SweepTime, ScoresASingleTrialOnRowsThatDidNotChooseIt) {
  const auto run = [](int64_t trials, std::string_view method, int64_t seed = 1) {
    SweepBench bench;
    bench.request.config.run.seed = seed;
    bench.request.table = small_table(60, false);
    bench.add(std::make_unique<FakeLearner>("constant"));
    bench.add(std::make_unique<FakeLearner>("gbt"));
    bench.request.config.budget.trials = trials;
    bench.request.config.search.halving = false;
    bench.request.config.ensemble.enabled = false;
    bench.request.config.validation.method = method;
    auto outcome = bench.run();
    EXPECT_TRUE(outcome) << outcome.error().message;
    const auto parent = tracking::read_run(bench.request.workspace->path() + "/" +
                                           tracking::run_file_path(outcome->run_id));
    EXPECT_TRUE(parent) << parent.error().message;
    EXPECT_EQ(parent->info.score, outcome->validation_score);
    EXPECT_EQ(parent->tags.contains("selection_score"), outcome->selection_score.has_value());
    return std::move(*outcome);
  };
  for (const std::string_view method : {"kfold", "holdout"}) {
    const SweepOutcome outcome = run(30, method);
    EXPECT_EQ(outcome.ensemble_kind, "single");
    ASSERT_TRUE(outcome.selection_score) << method;
    EXPECT_EQ(*outcome.selection_score, *outcome.leaderboard.rows[0].score)
        << "the trial's own score stays";
    EXPECT_GE(outcome.validation_score, *outcome.selection_score) << "rmse: it flatters";
    const bool said =
        std::any_of(outcome.notes.begin(), outcome.notes.end(), [](const std::string& text) {
          return text.find("on the rows it was chosen on") != std::string::npos;
        });
    EXPECT_EQ(said, outcome.validation_score > *outcome.selection_score);
    bool lucky = false;
    for (int64_t seed = 2; seed < 12 && !lucky; ++seed) {
      const SweepOutcome other = run(30, method, seed);
      lucky = other.validation_score > *other.selection_score;
    }
    EXPECT_TRUE(lucky) << method << ": the halves differ in some partition";
  }
  const SweepOutcome alone = run(2, "kfold");
  EXPECT_FALSE(alone.selection_score) << "nothing was chosen from";
  EXPECT_EQ(alone.validation_score, *alone.leaderboard.rows[0].score);
}

TEST(SweepTime, ScoresAnEnsembleOnRowsThatDidNotChooseIt) {
  SweepBench bench;
  bench.request.table = small_table(60, false);
  bench.add(std::make_unique<FakeLearner>("constant"));
  bench.add(std::make_unique<FakeLearner>("gbt")).with_gap(1.5);
  bench.request.config.budget.trials = 30;
  bench.request.config.search.halving = false;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  ASSERT_TRUE(outcome->selection_score);
  EXPECT_LE(*outcome->selection_score, outcome->validation_score) << "rmse: it flatters";
  EXPECT_EQ(outcome->leaderboard.metric, "rmse");
  for (const LeaderboardRow& row : outcome->leaderboard.rows) {
    if (row.learner == "ensemble") {
      EXPECT_EQ(row.score, outcome->validation_score);
    }
  }
}

}  // namespace
}  // namespace assay::automl
