#include "automl/scheduler/sweep.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <stdexcept>

#include "automl/preprocess/predictor.h"
#include "automl/report/leaderboard.h"
#include "tests/automl/scheduler_fakes.h"
#include "tracking/model_registry.h"
#include "tracking/run_file.h"

namespace assay::automl {
namespace {

using tracking::RunStatus;
using Script = FakeLearner::Script;

std::string run_path(const SweepBench& bench, const std::string& id) {
  return bench.request.workspace->path() + "/" + tracking::run_file_path(id);
}

// The promise: within the budget and 2 % or 0.2 s, whichever is more.
void expect_in_time(const SweepBench& bench, double budget) {
  const double end = static_cast<double>(bench.clock.now_ns()) * 1e-9;
  EXPECT_LE(end, budget + std::max(0.02 * budget, 0.2));
}

// The model that a sweep registered, read back from the workspace.
Result<Predictor> registered(const SweepBench& bench, const SweepOutcome& outcome) {
  tracking::ModelRegistry registry(bench.request.workspace);
  ASSAY_ASSIGN_OR_RETURN(const auto version, registry.resolve(outcome.model_name));
  EXPECT_EQ(version.version, outcome.model_version);
  EXPECT_EQ(version.run_id, outcome.run_id);
  ASSAY_ASSIGN_OR_RETURN(std::string bytes, registry.read_model(version));
  EXPECT_EQ(bytes, tracking::slurp(outcome.model_path));
  return Predictor::from_bytes(std::move(bytes), "model");
}

TEST(Sweep, RegistersABlendBetterThanItsMembersAndRecordsAllOfIt) {
  SweepBench bench;
  bench.add(fake("constant"));
  bench.add(fake("gbt")).with_gap(1.5);
  bench.request.config.budget.trials = 30;
  bench.request.config.search.halving = false;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->status, RunStatus::kCompleted);
  EXPECT_EQ(outcome->finished, 30);
  EXPECT_EQ(outcome->failed + outcome->pruned + outcome->cancelled, 0);
  EXPECT_EQ(outcome->metric, "rmse");
  EXPECT_EQ(outcome->validation_method, "stratified 5-fold");

  const auto& rows = outcome->leaderboard.rows;
  ASSERT_EQ(rows.size(), 31u);
  ASSERT_TRUE(outcome->selection_score);
  const LeaderboardRow* best = nullptr;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i > 0) {
      EXPECT_GE(*rows[i].score, *rows[i - 1].score) << "lower is better, so scores rise";
    }
    EXPECT_EQ(rows[i].run_id.empty(), rows[i].learner == "ensemble");
    if (rows[i].learner == "ensemble") {
      EXPECT_EQ(rows[i].score, outcome->validation_score);
      continue;
    }
    if (best == nullptr) best = &rows[i];
    EXPECT_LT(*outcome->selection_score, *rows[i].score) << "on the same rows";
  }
  ASSERT_NE(best, nullptr);
  const auto predictor = registered(bench, *outcome);
  ASSERT_TRUE(predictor) << predictor.error().message;
  EXPECT_EQ(predictor->target(), "y");

  const auto parent = tracking::read_run(run_path(bench, outcome->run_id));
  ASSERT_TRUE(parent) << parent.error().message;
  EXPECT_EQ(parent->info.status, RunStatus::kCompleted);
  EXPECT_EQ(parent->info.kind, "sweep");
  EXPECT_EQ(parent->info.score, outcome->validation_score);
  EXPECT_EQ(parent->metrics.at("best_score").size(), 30u);
  EXPECT_GE(parent->metrics.at("system/rss_bytes").size(), 1u);
  for (const auto& [key, points] : parent->metrics) {
    EXPECT_EQ(key.find("gpu"), std::string::npos) << "no device of this sweep is a GPU";
  }
  EXPECT_EQ(parent->params.at("budget.trials"), tracking::Value(int64_t{30}));
  EXPECT_EQ(parent->models.size(), 1u);
  std::set<std::string> tables;
  for (const auto& table : parent->tables) tables.insert(table->name);
  EXPECT_EQ(tables, (std::set<std::string>{"best_models", "feature_importance", "leaderboard",
                                           "oof_targets"}));
  ASSERT_FALSE(parent->predictions.empty());
  EXPECT_EQ(parent->predictions[0]->rows, 60);
  const auto child = tracking::read_run(run_path(bench, best->run_id));
  ASSERT_TRUE(child) << child.error().message;
  EXPECT_EQ(child->info.parent_run_id, outcome->run_id);
  EXPECT_EQ(child->info.kind, "trial");
  EXPECT_EQ(child->info.score, best->score);
  EXPECT_EQ(child->metrics.at("rmse/fold").size(), 5u);
  EXPECT_NE(child->stdout_text.find("fold 5: 1 iterations"), std::string::npos)
      << child->stdout_text;
  EXPECT_NE(child->stdout_text.find("finished: rmse "), std::string::npos);
  EXPECT_EQ(child->environment.at("seed"), child->tags.at("seed"));
}

TEST(Sweep, WithOneTrialIsTheBaseline) {
  SweepBench bench;
  bench.add(fake("constant"));
  const FakeLearner& gbt = bench.add(fake("gbt"));
  bench.request.config.budget.trials = 1;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->finished, 1);
  EXPECT_EQ(gbt.fits(), 0);
  ASSERT_EQ(outcome->leaderboard.rows.size(), 1u);
  EXPECT_EQ(outcome->leaderboard.rows[0].learner, "constant");
  EXPECT_EQ(outcome->leaderboard.rows[0].weight, 1);
}

TEST(Sweep, SaysWhatHasNoMeaningForItsTask) {
  SweepBench bench;
  bench.add(fake("constant"));
  bench.request.config.budget.trials = 1;
  bench.request.config.run.class_weight = "balanced";
  bench.request.config.ensemble.calibration = "isotonic";
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  const auto noted = [&](const std::string& text) {
    return std::count(outcome->notes.begin(), outcome->notes.end(), text);
  };
  EXPECT_EQ(noted("class_weight: balanced has no meaning for regression and is ignored"), 1);
  EXPECT_EQ(noted("ensemble.calibration: isotonic has no meaning for regression and is ignored"),
            1);
}

TEST(Sweep, KeepsToItsTimeWithSlowFits) {
  SweepBench bench;
  bench.add(fake("constant"));
  // A second of work a fit, in steps that ask whether to stop: both slots move the one clock.
  bench.add(fake("gbt", [&](const FakeLearner::Call& call) {
    for (int step = 0; step < 100 && !call.context.stop->requested(); ++step) {
      bench.clock.advance(kSecond / 100);
    }
    return Script{};
  }));
  bench.request.config.budget.time = 30;
  bench.request.config.search.halving = false;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  expect_in_time(bench, 30);
  EXPECT_GE(outcome->finished, 4);
  EXPECT_NE(outcome->leaderboard.rows[0].learner, "constant");
}

TEST(Sweep, KeepsWhatALongFitHadWhenTimeWasUp) {
  SweepBench bench;
  bench.add(fake("constant"));
  bench.add(fake("gbt", [&](const FakeLearner::Call& call) {
    for (int step = 0; step < 100'000 && !call.context.stop->requested(); ++step) {
      bench.clock.advance(kSecond / 100);
    }
    return Script{{}, true};
  }));
  bench.request.config.budget.time = 20;
  bench.request.threads = 1;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  expect_in_time(bench, 20);
  std::set<std::string> statuses;
  for (const auto& row : outcome->leaderboard.rows) {
    if (row.learner == "gbt") statuses.insert(row.status);
  }
  EXPECT_EQ(statuses.count("partial"), 1u) << "all folds were fitted in the time there was";
}

TEST(Sweep, LeavesAStalledTrialBehind) {
  auto alive = std::make_shared<int>(0);
  SweepBench bench;
  std::atomic<bool> release{false};
  std::atomic<bool> stalled{false};
  bench.add(fake("constant"));
  bench.add(fake("gbt", [&](const FakeLearner::Call&) {
    stalled = true;
    while (!release) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return Script{};
  }));
  bench.request.threads = 1;
  bench.request.config.budget.time = 10;
  bench.request.compute.make_executor = [alive](int threads) {
    return std::make_unique<ThreadedExecutor>(threads);
  };
  std::thread time([&] {
    while (!stalled) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    while (!release) {
      bench.clock.advance(kSecond / 50);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  });
  const auto outcome = bench.run();
  const double end = static_cast<double>(bench.clock.now_ns()) * 1e-9;
  release = true;
  time.join();
  bench.request.compute.make_executor = nullptr;
  while (alive.use_count() > 1) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ASSERT_TRUE(outcome) << outcome.error().message;
  // Virtual time goes on, ten times as fast as a clock, while the machine works, busy as it may be
  // with other things: what is tested is that it ends at all, with the trial still stalled.
  EXPECT_LT(end, 600);
  EXPECT_EQ(outcome->stalled_trials, 1);
  EXPECT_EQ(outcome->cancelled, 1);
  EXPECT_EQ(outcome->leaderboard.rows[0].learner, "constant");
}

TEST(Sweep, KeepsToItsTimeOnASlowDisk) {
  for (const double seconds_per_sync : {0.05, 0.3}) {
    ManualClock disk_clock;
    SlowFileLayer files(disk_clock, static_cast<int64_t>(seconds_per_sync * 1e9));
    SweepBench bench(&files);
    bench.request.clock = &disk_clock;
    bench.request.process_start_ns = disk_clock.now_ns();
    bench.add(fake("constant"));
    bench.add(fake("gbt", [&](const FakeLearner::Call&) {
      disk_clock.advance(kSecond / 5);
      return Script{};
    }));
    bench.request.config.budget.time = 60;
    const int64_t start = disk_clock.now_ns();
    const auto outcome = bench.run();
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_LE(static_cast<double>(disk_clock.now_ns() - start) * 1e-9, 61.2);
    EXPECT_GE(outcome->finished, 2);
  }
}

TEST(Sweep, RegistersASmallerModelOnAFullDisk) {
  int64_t whole = 0;
  for (const bool full : {false, true}) {
    ManualClock clock;
    SlowFileLayer files(clock, 0);
    if (full) files.model_limit = whole - 1;
    SweepBench bench(&files);
    bench.add(fake("constant"));
    bench.add(fake("gbt")).with_gap(1.5);
    bench.request.config.budget.trials = 12;
    bench.request.config.search.halving = false;
    LossObserver observer;
    bench.request.observer = &observer;
    const auto outcome = bench.run();
    ASSERT_TRUE(outcome) << outcome.error().message;
    if (!full) whole = static_cast<int64_t>(tracking::slurp(outcome->model_path).size());
    EXPECT_EQ(outcome->ensemble_kind, full ? "single" : "average");
    EXPECT_TRUE(outcome->selection_score);
    ASSERT_TRUE(registered(bench, *outcome));
    const auto said = std::any_of(
        outcome->notes.begin(), outcome->notes.end(),
        [](const std::string& note) { return note.find("no space") != std::string::npos; });
    EXPECT_EQ(said, full);
    ASSERT_EQ(observer.losses.empty(), !full);
    if (full) {
      EXPECT_NE(observer.losses[0].find("no space"), std::string::npos) << observer.losses[0];
    }
  }
}

TEST(Sweep, SaysWhenTheBudgetIsTooSmall) {
  ManualClock clock;
  SlowFileLayer files(clock, 5 * kSecond);
  SweepBench bench(&files);
  bench.request.clock = &clock;
  bench.request.process_start_ns = clock.now_ns();
  bench.add(fake("constant"));
  bench.request.config.budget.time = 20;
  const auto outcome = bench.run();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, StatusCode::kBudgetTooSmall);
  EXPECT_NE(outcome.error().message.find("budget.time=20"), std::string::npos);
  EXPECT_NE(outcome.error().message.find("needed"), std::string::npos);
}

TEST(Sweep, SurvivesLearnersThatFailOrThrow) {
  SweepBench bench;
  bench.add(fake("constant"));
  bench.add(fake("linear", [](const FakeLearner::Call&) -> Script {
    throw std::runtime_error("broken learner");
  }));
  bench.add(fake("gbt", [](const FakeLearner::Call& call) -> Script {
    if (call.bias > 0.25) return {fail(StatusCode::kData, "cannot learn from this")};
    return {};
  }));
  bench.request.config.budget.trials = 20;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_GT(outcome->failed, 1);
  EXPECT_GT(outcome->finished, 1);
  bool seen = false;
  for (const auto& row : outcome->leaderboard.rows) {
    if (row.learner != "linear") continue;
    EXPECT_EQ(row.status, "failed");
    EXPECT_EQ(row.rank, 0);
    EXPECT_NE(row.message.find("broken learner"), std::string::npos);
    const auto child = tracking::read_run(run_path(bench, row.run_id));
    ASSERT_TRUE(child) << child.error().message;
    EXPECT_EQ(child->info.status, RunStatus::kFailed);
    EXPECT_NE(child->info.message.find("broken learner"), std::string::npos);
    seen = true;
  }
  EXPECT_TRUE(seen);
}

TEST(Sweep, EndsWithTheBaselineIfAllElseFails) {
  SweepBench bench;
  bench.add(fake("constant"));
  const auto broken = [](const FakeLearner::Call&) -> Script {
    return {fail(StatusCode::kData, "no")};
  };
  bench.add(fake("linear", broken));
  bench.add(fake("gbt", broken));
  bench.request.config.budget.time = 30;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->leaderboard.rows[0].learner, "constant");
  EXPECT_EQ(outcome->finished, 1);
  // About 20; more while a slot's thread waits for a processor with the end of its trial.
  EXPECT_LE(outcome->failed, 400) << "it does not go on failing for ever";
  EXPECT_TRUE(registered(bench, *outcome));
}

TEST(Sweep, SkipsWhatDoesNotFitTheMemory) {
  SweepBench bench;
  bench.add(fake("constant"));
  FakeLearner& gbt = bench.add(fake("gbt"));
  gbt.with_bytes(int64_t{1} << 40);
  bench.request.config.budget.trials = 10;
  bench.request.config.budget.memory = int64_t{256} << 20;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(gbt.fits(), 0);
  EXPECT_EQ(outcome->finished, 1);
  const auto said =
      std::find_if(outcome->notes.begin(), outcome->notes.end(), [](const auto& note) {
        return note.find("memory: gbt is left out: it needs a memory limit of") !=
               std::string::npos;
      });
  EXPECT_NE(said, outcome->notes.end());

  bench.request.config.budget.memory = 1 << 20;
  const auto tiny = bench.run();
  ASSERT_FALSE(tiny);
  EXPECT_EQ(tiny.error().code, StatusCode::kBudgetTooSmall);
}

TEST(Sweep, TriesSmallerSettingsWhereTheDefaultDoesNotFitTheMemory) {
  SweepBench bench;
  bench.add(fake("constant"));
  // The default's bias of 0.25 takes 256 MiB, and some 120 are there: a quarter of it fits.
  FakeLearner& gbt = bench.add(fake("gbt"));
  gbt.with_bias_bytes(int64_t{1} << 30);
  bench.request.config.budget.trials = 12;
  bench.request.config.budget.memory = int64_t{256} << 20;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->finished + outcome->pruned, 12);
  const auto said =
      std::find_if(outcome->notes.begin(), outcome->notes.end(), [](const auto& note) {
        return note.find("memory: gbt is tried with bias=") != std::string::npos;
      });
  ASSERT_NE(said, outcome->notes.end());
  EXPECT_NE(said->find("its default needs a memory limit of 4"), std::string::npos) << *said;
  for (const LeaderboardRow& row : outcome->leaderboard.rows) {
    if (row.learner != "gbt") continue;
    EXPECT_NE(row.params.find("\"bias\":"), std::string::npos);
    const double bias = std::stod(row.params.substr(row.params.find(':') + 1));
    EXPECT_LE(std::abs(bias), 0.13) << row.params;
  }
  // What the config fixes is not changed.
  bench.request.config.learners = {{"gbt", {{"bias", 0.25}}}};
  const int before = gbt.fits();
  ASSERT_TRUE(bench.run());
  EXPECT_EQ(gbt.fits(), before);
}

TEST(Sweep, RegistersTheBestSoFarWhenTheUserStopsIt) {
  SweepBench bench;
  StopToken stop;
  std::atomic<int> fits{0};
  bench.add(fake("constant"));
  bench.add(fake("gbt", [&](const FakeLearner::Call& call) {
    if (++fits == 13) stop.request();
    return Script{{}, call.context.stop->requested()};
  }));
  bench.request.stop = &stop;
  bench.request.threads = 1;
  bench.request.config.budget.trials = 1000;
  bench.request.config.search.halving = false;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->status, RunStatus::kInterrupted);
  EXPECT_EQ(outcome->finished, 3) << "the baseline and two trials of five fits";
  EXPECT_EQ(outcome->cancelled, 1);
  EXPECT_TRUE(registered(bench, *outcome));
  const auto parent = tracking::read_run(run_path(bench, outcome->run_id));
  ASSERT_TRUE(parent);
  EXPECT_EQ(parent->info.status, RunStatus::kInterrupted);
}

// A sweep that the user stops in its first trial, after two of five folds.
Result<SweepOutcome> stopped_in_the_first_trial(SweepBench& bench) {
  StopToken stop;
  int fits = 0;
  bench.add(fake("constant"));
  bench.add(fake("gbt", [&](const FakeLearner::Call& call) {
    if (++fits == 2) stop.request();
    return Script{{}, call.context.stop->requested()};
  }));
  bench.request.stop = &stop;
  bench.request.threads = 1;
  bench.request.config.budget.trials = 1000;
  return bench.run();
}

TEST(Sweep, RegistersTheFoldsThatWereDoneWhenStoppedInItsFirstTrial) {
  SweepBench bench;
  const auto outcome = stopped_in_the_first_trial(bench);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->status, RunStatus::kInterrupted);
  EXPECT_EQ(outcome->kept_partial, "gbt #1 after 2 of 5 folds");
  EXPECT_EQ(outcome->validation_method, "stratified 5-fold, 2 of 5 folds");
  const LeaderboardRow& first = outcome->leaderboard.rows[0];
  EXPECT_EQ(first.learner, "gbt");
  EXPECT_EQ(first.weight, 1);
  EXPECT_EQ(first.score, outcome->validation_score);
  EXPECT_NE(outcome->notes.back().find("no trial was finished; the model of gbt #1"),
            std::string::npos)
      << outcome->notes.back();
  const auto predictor = registered(bench, *outcome);
  ASSERT_TRUE(predictor) << predictor.error().message;
  EXPECT_EQ(predictor->model().kind(), "average");
}

TEST(Sweep, KeepsTheBaselineIfTheFoldsThatWereDoneAreWorse) {
  SweepBench bench;
  bench.request.config.learners = {{"gbt", {{"bias", 0.95}}}};
  const auto outcome = stopped_in_the_first_trial(bench);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->kept_partial, "");
  EXPECT_EQ(outcome->leaderboard.rows[0].learner, "constant");
}

TEST(Sweep, IsCancelledIfStoppedBeforeThereIsAModel) {
  SweepBench bench;
  StopToken stop;
  stop.request();
  bench.add(fake("constant", [](const FakeLearner::Call&) -> Script {
    return {fail(StatusCode::kCancelled, "stopped")};
  }));
  bench.request.stop = &stop;
  bench.request.config.budget.trials = 5;
  const auto outcome = bench.run();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, StatusCode::kCancelled);
}

TEST(Sweep, GivesTheSameAnswerOnAnySlotsAndThreads) {
  struct Answer {
    std::string board;
    std::string model;
  };
  const auto run = [](int64_t slots, int threads, bool binary) {
    SweepBench bench;
    bench.request.table = small_table(200, binary);
    if (binary) bench.request.config.data.metric = "log_loss";
    bench.add(fake("constant"));
    // Trials end in an order that differs from run to run.
    const auto dawdle = [](const FakeLearner::Call& call) {
      const auto micros = 50 + static_cast<int>(std::abs(call.bias) * 1500);
      std::this_thread::sleep_for(std::chrono::microseconds(micros));
      return Script{};
    };
    bench.add(fake("linear", dawdle)).with_cost(3);
    bench.add(fake("gbt", dawdle)).with_cost(5);
    bench.request.config.run.slots = slots;
    bench.request.threads = static_cast<int>(slots) * threads;
    bench.request.config.budget.trials = 45;
    const auto outcome = bench.run();
    EXPECT_TRUE(outcome) << outcome.error().message;
    Answer answer;
    if (!outcome) return answer;
    EXPECT_GT(outcome->pruned, 0) << "pruning is part of what is tested";
    for (const LeaderboardRow& row : outcome->leaderboard.rows) {
      answer.board += fmt::format("{} {} {} {} {} {} {}\n", row.rank, row.trial, row.learner,
                                  row.status, row.score.value_or(-1), row.weight, row.params);
    }
    answer.model = tracking::slurp(outcome->model_path);
    return answer;
  };
  for (const bool binary : {false, true}) {
    const Answer one = run(1, 1, binary);
    EXPECT_FALSE(one.model.empty());
    for (const auto& [slots, threads] :
         {std::pair<int64_t, int>{2, 1}, {1, 2}, {4, 2}, {7, 1}, {1, 1}}) {
      const Answer other = run(slots, threads, binary);
      EXPECT_EQ(other.board, one.board) << slots << " x " << threads;
      EXPECT_EQ(other.model == one.model, true) << slots << " x " << threads;
    }
  }
}

// Sees that a sweep that is killed has left a trace.
class StartObserver final : public SweepObserver {
 public:
  explicit StartObserver(SweepBench& bench) : bench_(bench) {}
  void on_progress(const SweepProgress& progress) override {
    if (progress.phase != SweepPhase::kReading) phases.insert(progress.phase);
    if (progress.phase == SweepPhase::kSearching && !seen_) {
      seen_ = true;
      for (const std::string& path :
           tracking::files_below(bench_.request.workspace->path() + "/runs")) {
        const auto run = tracking::read_run(bench_.request.workspace->path() + "/runs/" + path);
        if (!run || run->info.kind != "sweep") continue;
        running = run->info.status == RunStatus::kRunning;
        artifacts = run->artifacts.size();
      }
    }
  }
  void on_trial(const TrialResult& trial, std::optional<double> score) override {
    ++trials;
    EXPECT_EQ(score.has_value(), has_score(trial.status));
  }
  void on_note(const std::string& note) override { notes += note + "\n"; }

  std::set<SweepPhase> phases;
  bool running = false;
  size_t artifacts = 0;
  int trials = 0;
  std::string notes;

 private:
  SweepBench& bench_;
  bool seen_ = false;
};

TEST(Sweep, IsVisibleWithABaselineFromTheStartAndReportsItsProgress) {
  SweepBench bench;
  StartObserver observer(bench);
  bench.request.observer = &observer;
  bench.add(fake("constant"));
  bench.add(fake("gbt"));
  bench.request.config.budget.trials = 12;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_TRUE(observer.running);
  EXPECT_EQ(observer.artifacts, 2u) << "the config and the baseline";
  EXPECT_EQ(observer.trials, 12);
  EXPECT_EQ(observer.phases.size(), 6u);
  EXPECT_NE(observer.notes.find("regression"), std::string::npos);
  EXPECT_NE(observer.notes.find("stratified 5-fold"), std::string::npos);
}

TEST(Sweep, NamesWhatIsWrongWithItsRequest) {
  const auto code_of = [](auto change) {
    SweepBench bench;
    bench.add(fake("constant"));
    bench.add(fake("gbt"));
    bench.request.config.budget.trials = 3;
    change(bench);
    const auto outcome = bench.run();
    EXPECT_FALSE(outcome);
    return outcome ? std::string() : outcome.error().message;
  };
  EXPECT_NE(code_of([](SweepBench& bench) { bench.request.config.data.target = "yy"; }).find("'y'"),
            std::string::npos);
  EXPECT_NE(code_of([](SweepBench& bench) {
              bench.request.config.data.metric = "roc_auc";
            }).find("roc_auc"),
            std::string::npos);
  EXPECT_NE(code_of([](SweepBench& bench) {
              bench.request.config.learners = {{"gbd", {}}};
            }).find("did you mean 'gbt'"),
            std::string::npos);
  EXPECT_NE(code_of([](SweepBench& bench) {
              bench.request.config.learners = {{"gbt", {{"bias", 7.5}, {"biass", 1.0}}}};
            }).find("learners.gbt"),
            std::string::npos);
  EXPECT_NE(code_of([](SweepBench& bench) { bench.request.clock = nullptr; }).find("clock"),
            std::string::npos);
}

}  // namespace
}  // namespace assay::automl
