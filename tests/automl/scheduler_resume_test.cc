// Sweeps that go on. The process that dies is a copy of the workspace as it is in the midst of a
// sweep; the sweep itself goes on to its end and is what the one in the copy is compared with.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <set>

#include "automl/scheduler/sweep_past.h"
#include "automl/scheduler/trial_archive.h"
#include "tests/automl/scheduler_fakes.h"
#include "tests/tracking/killed_store.h"
#include "tracking/run_query.h"

namespace assay::automl {
namespace {

using Script = FakeLearner::Script;

struct ResumedAnswer {
  std::string board;
  std::string model_sha256;
  bool operator==(const ResumedAnswer&) const = default;
};

ResumedAnswer answer_of(const SweepOutcome& outcome) {
  ResumedAnswer answer{"", outcome.model_sha256};
  for (const LeaderboardRow& row : outcome.leaderboard.rows) {
    answer.board +=
        fmt::format("{} {} {} {} {} {} {} {}\n", row.rank, row.trial, row.learner, row.origin,
                    row.status, row.score.value_or(-1), row.weight, row.params);
  }
  return answer;
}

std::vector<OptionGroup> groups_of(const SweepRequest& request) {
  std::vector<OptionGroup> groups;
  for (const Learner* learner : request.learners) groups.push_back(learner->options());
  return groups;
}

// A sweep in logical mode with two learners; runs `at_fit(n)` when the n-th fit of gbt begins.
class LogicalSweep {
 public:
  explicit LogicalSweep(std::function<void(int)> at_fit = {}) : at_fit_(std::move(at_fit)) {
    bench.add(std::make_unique<FakeLearner>("constant"));
    gbt = &bench.add(std::make_unique<FakeLearner>("gbt", [this](const FakeLearner::Call&) {
      if (at_fit_) at_fit_(++fits_);
      return Script{};
    }));
    gbt->with_gap(0.05);
    bench.add(std::make_unique<FakeLearner>("linear")).with_gap(0.5);
    bench.request.config.budget.trials = 40;
    bench.request.config.search.strategy = "tpe";
  }

  // Goes on in a workspace with its newest sweep.
  Result<SweepOutcome> go_on(const std::string& folder) {
    bench.request.workspace = *tracking::Workspace::open(folder);
    const auto runs = tracking::list_runs(*bench.request.workspace, {.kind = "sweep"});
    EXPECT_TRUE(runs);
    EXPECT_EQ(runs->runs.size(), 1u);
    ASSAY_ASSIGN_OR_RETURN(
        SweepPast past,
        find_past(*bench.request.workspace, runs->runs.at(0).run_id, groups_of(bench.request)));
    bench.request.config = past.config;
    bench.request.past = std::make_shared<const SweepPast>(std::move(past));
    return bench.run();
  }

  SweepBench bench;
  FakeLearner* gbt = nullptr;

 private:
  std::function<void(int)> at_fit_;
  std::atomic<int> fits_{0};
};

// The workspace of a sweep, copied when a fit begins.
struct Broken {
  ResumedAnswer whole;
  std::vector<std::string> copies;
  std::shared_ptr<LogicalSweep> sweep;  // keeps the folder
};

Broken break_at(const std::set<int>& fits, const std::function<void(SweepRequest&)>& change = {}) {
  Broken broken;
  LogicalSweep* sweep = nullptr;
  std::mutex mutex;
  broken.sweep = std::make_shared<LogicalSweep>([&](int fit) {
    if (!fits.contains(fit)) return;
    const std::lock_guard lock(mutex);
    tracking::Workspace& workspace = *sweep->bench.request.workspace;
    EXPECT_TRUE(workspace.flush());
    broken.copies.push_back(sweep->bench.folder() / fmt::format("copy-{}", fit));
    tracking::copy_as_killed(workspace.path(), broken.copies.back());
  });
  sweep = broken.sweep.get();
  if (change) change(sweep->bench.request);
  const auto outcome = sweep->bench.run();
  EXPECT_TRUE(outcome) << outcome.error().message;
  if (outcome) broken.whole = answer_of(*outcome);
  EXPECT_EQ(broken.copies.size(), fits.size());
  return broken;
}

TEST(Resume, ComesToTheSameFromWhereverItWasBroken) {
  const Broken broken = break_at({1, 3, 18, 41, 70, 90});
  ASSERT_FALSE(broken.whole.model_sha256.empty());
  int fits_before = broken.sweep->gbt->fits() + 1;
  for (const std::string& copy : broken.copies) {
    LogicalSweep next;
    next.bench.request.threads = 3;
    const auto outcome = next.go_on(copy);
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_EQ(answer_of(*outcome), broken.whole) << copy;
    EXPECT_EQ(outcome->status, tracking::RunStatus::kCompleted);
    // The later it was broken, the less is left to do.
    EXPECT_LE(next.gbt->fits(), fits_before) << copy;
    fits_before = next.gbt->fits();
    const auto names = tracking::RunScratch(*next.bench.request.workspace, outcome->run_id).names();
    EXPECT_TRUE(names && names->empty());
  }
  EXPECT_LT(fits_before, broken.sweep->gbt->fits() / 2);
}

TEST(Resume, ComesToTheSameWithHyperbandAndWithAHoldout) {
  for (const std::string method : {"kfold", "holdout"}) {
    const Broken broken = break_at({4, 10}, [&](SweepRequest& request) {
      request.config.validation.method = method;
      request.config.search.brackets = 2;
      request.config.search.fold_test = 0.1;
    });
    for (const std::string& copy : broken.copies) {
      const auto outcome = LogicalSweep().go_on(copy);
      ASSERT_TRUE(outcome) << outcome.error().message;
      EXPECT_EQ(answer_of(*outcome), broken.whole) << copy;
    }
  }
}

TEST(Resume, ComesToTheSameWithSharesOfTheRows) {
  for (const std::string fidelity : {"rows", "both"}) {
    const auto change = [&](SweepRequest& request) {
      request.table = small_table(2500, false);
      request.config.validation.method = "holdout";
      request.config.search.fidelity = fidelity;
      request.config.run.checkpoint = 1e-9;  // after each share
    };
    const Broken broken = break_at({2, 5, 6, 9, 15}, change);
    for (const std::string& copy : broken.copies) {
      LogicalSweep next;
      next.bench.request.table = small_table(2500, false);
      const auto outcome = next.go_on(copy);
      ASSERT_TRUE(outcome) << outcome.error().message;
      EXPECT_EQ(answer_of(*outcome), broken.whole) << copy;
    }
  }
}

TEST(Resume, ComesToTheSameWithSeveralPartitions) {
  const auto repeat = [](SweepRequest& request) { request.config.validation.repeats = 3; };
  const Broken broken = break_at({4, 8, 13, 60, 120}, repeat);
  const Broken plain = break_at({});
  EXPECT_NE(broken.whole.board, plain.whole.board) << "there was nothing to repeat";
  for (const std::string& copy : broken.copies) {
    const auto outcome = LogicalSweep().go_on(copy);
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_EQ(answer_of(*outcome), broken.whole) << copy;
  }
  // What is trained again is fitted on as many as it was.
  std::filesystem::remove_all(broken.copies.back() + "/scratch");
  const auto outcome = LogicalSweep().go_on(broken.copies.back());
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(answer_of(*outcome), broken.whole);
}

TEST(Resume, TrainsWhatTheArchiveLacksAgain) {
  const Broken broken = break_at({60});
  const std::string& copy = broken.copies.at(0);
  std::filesystem::remove_all(copy + "/scratch");
  LogicalSweep next;
  const auto outcome = next.go_on(copy);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(answer_of(*outcome), broken.whole);
  EXPECT_GT(outcome->known_trials, 5);
}

TEST(Resume, AfterAStopGoesOnWithTheSameRunAndRegistersAnotherVersion) {
  const Broken broken = break_at({});
  StopToken stop;
  LogicalSweep first([&](int fit) {
    if (fit == 40) stop.request();
  });
  first.bench.request.stop = &stop;
  const auto stopped = first.bench.run();
  ASSERT_TRUE(stopped) << stopped.error().message;
  EXPECT_EQ(stopped->status, tracking::RunStatus::kInterrupted);
  LogicalSweep next;
  const auto outcome = next.go_on(first.bench.request.workspace->path());
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->run_id, stopped->run_id);
  EXPECT_EQ(outcome->model_version, stopped->model_version + 1);
  EXPECT_EQ(answer_of(*outcome), broken.whole);
}

TEST(Resume, MoreTrialsExtendACompleteSweep) {
  const Broken broken = break_at({});
  LogicalSweep shorter;
  shorter.bench.request.config.budget.trials = 25;
  ASSERT_TRUE(shorter.bench.run());
  LogicalSweep next;
  next.bench.request.workspace = shorter.bench.request.workspace;
  auto past = find_past(
      *next.bench.request.workspace,
      tracking::list_runs(*next.bench.request.workspace, {.kind = "sweep"})->runs.at(0).run_id,
      groups_of(next.bench.request));
  ASSERT_TRUE(past) << past.error().message;
  EXPECT_EQ(past->status, tracking::RunStatus::kCompleted);
  next.bench.request.config = past->config;
  next.bench.request.config.budget.trials = 40;
  next.bench.request.past = std::make_shared<const SweepPast>(*past);
  const auto outcome = next.bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->known_trials, 25);
  EXPECT_EQ(answer_of(*outcome), broken.whole);
}

TEST(Resume, ASettingThatWasRecordedOtherwiseIsRunAnew) {
  const Broken broken = break_at({60});
  const std::string& copy = broken.copies.at(0);
  LogicalSweep next;
  next.bench.request.workspace = *tracking::Workspace::open(copy);
  auto past = find_past(*next.bench.request.workspace, "sweep", groups_of(next.bench.request));
  EXPECT_FALSE(past) << "a name is needed";
  const auto runs = tracking::list_runs(*next.bench.request.workspace, {.kind = "sweep"});
  past = find_past(*next.bench.request.workspace, runs->runs.at(0).run_id,
                   groups_of(next.bench.request));
  ASSERT_TRUE(past);
  next.bench.request.config = past->config;
  next.bench.request.config.run.seed += 1;
  next.bench.request.past = std::make_shared<const SweepPast>(*past);
  const auto outcome = next.bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->known_trials, 0);
  EXPECT_TRUE(std::any_of(outcome->notes.begin(), outcome->notes.end(), [](const auto& note) {
    return note.find("with other settings") != std::string::npos;
  }));
}

TEST(Resume, WithATimeBudgetHasTheTimeThatWasLeft) {
  SweepBench bench;
  std::string copy;
  std::atomic<int> fits{0};
  bench.add(std::make_unique<FakeLearner>("constant"));
  bench.add(std::make_unique<FakeLearner>("gbt", [&](const FakeLearner::Call&) {
    bench.clock.advance(kSecond / 10);
    if (++fits == 101) {
      EXPECT_TRUE(bench.request.workspace->flush());
      copy = bench.folder() / "copy";
      tracking::copy_as_killed(bench.request.workspace->path(), copy);
    }
    return Script{};
  }));
  bench.request.threads = 1;
  bench.request.config.budget.time = 30;
  bench.request.config.search.halving = false;
  const auto whole = bench.run();
  ASSERT_TRUE(whole) << whole.error().message;
  ASSERT_FALSE(copy.empty());

  SweepBench next;
  next.add(std::make_unique<FakeLearner>("constant"));
  FakeLearner& gbt = next.add(std::make_unique<FakeLearner>("gbt", [&](const auto&) {
    next.clock.advance(kSecond / 10);
    return Script{};
  }));
  next.request.workspace = *tracking::Workspace::open(copy);
  const auto runs = tracking::list_runs(*next.request.workspace, {.kind = "sweep"});
  auto past = find_past(*next.request.workspace, runs->runs.at(0).run_id, groups_of(next.request));
  ASSERT_TRUE(past) << past.error().message;
  EXPECT_NEAR(past->elapsed_seconds, 10, 1.2);
  next.request.threads = 1;
  next.request.config = past->config;
  next.request.past = std::make_shared<const SweepPast>(*past);
  next.request.process_start_ns = past->budget_start_ns(0, 30);
  const auto outcome = next.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  // 20 s were left, of which the new process has used no more and hardly less.
  const double used = static_cast<double>(next.clock.now_ns()) * 1e-9;
  EXPECT_LE(used, 21.5);
  EXPECT_GE(used, 17);
  EXPECT_GE(outcome->known_trials, 19);
  EXPECT_LT(gbt.fits(), 215);
  EXPECT_NEAR(static_cast<double>(outcome->finished), static_cast<double>(whole->finished), 3);
  for (const LeaderboardRow& row : outcome->leaderboard.rows) {
    EXPECT_EQ(row.run_id.empty(), row.trial < 0);
  }
}

TEST(Resume, AnotherTableIsRefusedAndTheRunStaysAsItWas) {
  const Broken broken = break_at({5});
  LogicalSweep next;
  next.bench.request.workspace = *tracking::Workspace::open(broken.copies.at(0));
  tracking::Workspace& workspace = *next.bench.request.workspace;
  const auto runs = tracking::list_runs(workspace, {.kind = "sweep"});
  auto past = find_past(workspace, runs->runs.at(0).run_id, groups_of(next.bench.request));
  ASSERT_TRUE(past);
  past->content_hash = "abc";
  next.bench.request.config = past->config;
  next.bench.request.past = std::make_shared<const SweepPast>(*past);
  const auto outcome = next.bench.run();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, StatusCode::kData);
  EXPECT_NE(outcome.error().message.find("abc"), std::string::npos) << outcome.error().message;
  EXPECT_EQ(tracking::find_run(workspace, past->run_id)->status, tracking::RunStatus::kInterrupted);
}

std::string archived(const TrialOutcome& outcome) {
  std::string bytes;
  const Status written = write_archived(outcome, [&](std::span<const std::byte> block) {
    bytes.append(reinterpret_cast<const char*>(block.data()), block.size());
    return Status();
  });
  EXPECT_TRUE(written);
  return bytes;
}

Status read_outcome(std::string bytes, TrialOutcome& outcome) {
  ASSAY_ASSIGN_OR_RETURN(const ModelReader reader, ModelReader::open(std::move(bytes), "f"));
  return read_archived(reader, outcome);
}

TEST(TrialArchive, KnowsAWholeFileOfTheTrialFromAllOthers) {
  TrialOutcome outcome;
  outcome.result.spec.number = 3;
  outcome.result.spec.seed = 0xfedcba9876543210;
  outcome.score = 0.1;
  outcome.model = *ConstantModel::make({0.25}, 2);
  outcome.predictions = std::make_shared<const std::vector<float>>(std::vector<float>{1, 2.5f});
  const std::string bytes = archived(outcome);
  TrialOutcome read;
  read.result.spec = outcome.result.spec;
  read.score = outcome.score;
  ASSERT_TRUE(read_outcome(bytes, read));
  EXPECT_EQ(*read.predictions, *outcome.predictions);
  EXPECT_EQ(read.model->byte_count(), outcome.model->byte_count());
  EXPECT_EQ(archived(read), bytes);
  for (const auto& change : std::vector<std::function<void(TrialOutcome&)>>{
           [](TrialOutcome& o) { o.result.spec.number = 4; },
           [](TrialOutcome& o) { o.result.spec.seed += 1; },
           [](TrialOutcome& o) { o.score = 0.2; }}) {
    TrialOutcome other = read;
    change(other);
    EXPECT_EQ(read_outcome(bytes, other).error().code, StatusCode::kData);
  }
  EXPECT_FALSE(read_outcome(bytes.substr(0, bytes.size() - 1), read));
  EXPECT_FALSE(read_outcome("", read));
}

}  // namespace
}  // namespace assay::automl
