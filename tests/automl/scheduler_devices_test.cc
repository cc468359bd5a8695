// Sweeps on several devices: slots side by side, trials that move, and the same answer all the
// same.
#include <gmock/gmock.h>

#include <bit>
#include <condition_variable>
#include <map>
#include <set>

#include "automl/scheduler/slots.h"
#include "automl/scheduler/trial_record.h"
#include "automl/search/history.h"
#include "tests/automl/scheduler_fakes.h"
#include "tests/conformance/discrete_device.h"
#include "tests/conformance/discrete_kernels.h"
#include "tracking/run_file.h"
#include "tracking/run_query.h"

namespace assay::automl {
namespace {

using conformance::DiscreteDevice;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Script = FakeLearner::Script;

constexpr int64_t kDeviceBytes = int64_t{1} << 28;

std::string board_of(const SweepOutcome& outcome) {
  std::string board;
  for (const LeaderboardRow& row : outcome.leaderboard.rows) {
    board += fmt::format("{} {} {} {} {} {} {}\n", row.rank, row.trial, row.learner, row.status,
                         row.score.value_or(-1), row.weight, row.params);
  }
  return board;
}

std::map<int64_t, tracking::RunRecord> trials_of(SweepBench& bench, const std::string& run_id) {
  std::map<int64_t, tracking::RunRecord> trials;
  tracking::Workspace& workspace = *bench.request.workspace;
  const auto list = tracking::list_runs(workspace, {.kind = "trial", .parent_run_id = run_id});
  EXPECT_TRUE(list);
  for (const tracking::RunInfo& info : list->runs) {
    auto record = tracking::load_run(workspace, info.run_id);
    EXPECT_TRUE(record) << record.error().message;
    const int64_t number = std::get<int64_t>(record->tags.at("trial").data());
    trials.emplace(number, std::move(*record));
  }
  return trials;
}

std::string tag_of(const tracking::RunRecord& record, const std::string& key) {
  const auto at = record.tags.find(key);
  return at == record.tags.end() ? "" : at->second.text();
}

// Trials of `gbt` wait until one has begun on each of so many devices.
class Meeting {
 public:
  explicit Meeting(size_t devices) : devices_(devices) {}
  void come(const kernels::Device* device) {
    std::unique_lock lock(mutex_);
    there_.insert(device);
    changed_.notify_all();
    changed_.wait(lock, [&] { return there_.size() >= devices_; });
  }

 private:
  size_t devices_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<const kernels::Device*> there_;
};

TEST(Devices, HaveSlotsSideBySideAndTrialsSayWhereTheyRan) {
  DiscreteDevice card("card:0", kDeviceBytes);
  Meeting meeting(2);
  SweepBench bench;
  bench.add(std::make_unique<FakeLearner>("constant"));
  bench.add(std::make_unique<FakeLearner>("gbt", [&](const FakeLearner::Call& call) {
    kernels::count_use(call.context.device->info().id, "gemm", "test.kernel", 10);
    meeting.come(call.context.device);
    return Script{};
  }));
  bench.request.compute.devices.push_back(&card);
  bench.request.threads = 3;
  bench.request.config.budget.trials = 12;
  bench.request.config.validation.refit = false;  // whose fits count as well
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->finished, 12);
  std::map<std::string, int64_t> counts;
  int64_t fits = 0;
  for (const auto& [number, trial] : trials_of(bench, outcome->run_id)) {
    const std::string device = tag_of(trial, "device");
    ++counts[device];
    if (number == 0) continue;
    const auto used = read_kernel_table(trial);
    ASSERT_EQ(used.size(), 1u) << number;
    EXPECT_EQ(used[0].device, device);
    EXPECT_EQ(used[0].kernel, "test.kernel");
    EXPECT_EQ(used[0].bytes, 10 * used[0].calls);
    EXPECT_EQ(tag_of(trial, "moved_from"), "");
    fits += used[0].calls;
  }
  EXPECT_EQ(counts.size(), 2u);
  EXPECT_EQ(counts["cpu"] + counts["card:0"], 12);
  EXPECT_THAT(outcome->notes, Contains("3 slots of 1 thread: 2 on cpu, 1 on card:0"));
  EXPECT_THAT(outcome->notes, Contains(fmt::format("trials: {} on card:0, {} on cpu",
                                                   counts["card:0"], counts["cpu"])));
  // The sweep has the sums.
  const auto sweep = tracking::load_run(*bench.request.workspace, outcome->run_id);
  ASSERT_TRUE(sweep) << sweep.error().message;
  EXPECT_EQ(tag_of(*sweep, "device"), "cpu,card:0");
  int64_t all = 0;
  for (const kernels::KernelUse& use : read_kernel_table(*sweep)) all += use.calls;
  EXPECT_EQ(all, fits);
}

// What a sweep comes to on the CPU, and on a CPU and a card that fails some of its fits.
struct Moved {
  SweepOutcome outcome;
  std::map<int64_t, tracking::RunRecord> trials;
};

Moved sweep_with(DiscreteDevice* card, bool listed,
                 const std::function<Script(bool first)>& on_card) {
  SweepBench bench;
  std::mutex mutex;
  std::map<uint64_t, int> folds;  // begun on the card, by the trial's parameters
  bench.add(std::make_unique<FakeLearner>("constant"));
  bench.add(std::make_unique<FakeLearner>("gbt", [&](const FakeLearner::Call& call) {
    if (card == nullptr || call.context.device != card) return Script{};
    const std::lock_guard lock(mutex);
    return on_card(folds[std::bit_cast<uint64_t>(call.bias)]++ == 0);
  }));
  if (card != nullptr) {
    bench.request.compute.devices = {card};
    auto& others = listed ? bench.request.compute.devices : bench.request.compute.spare;
    others.push_back(bench.request.compute.host);
  }
  bench.request.threads = 2;
  bench.request.config.budget.trials = 30;
  const auto outcome = bench.run();
  EXPECT_TRUE(outcome) << outcome.error().message;
  if (!outcome) return {};
  return {*outcome, trials_of(bench, outcome->run_id)};
}

TEST(Devices, TrialsOfALostDeviceMoveAndTheAnswerIsTheSame) {
  const Moved plain = sweep_with(nullptr, false, {});
  for (const bool listed : {true, false}) {
    DiscreteDevice card("card:0", kDeviceBytes);
    // The first fold is fitted and its rung told; then the device goes.
    const Moved moved = sweep_with(&card, listed, [](bool first) {
      return first ? Script{} : Script{fail(StatusCode::kDevice, "the card is lost")};
    });
    EXPECT_EQ(board_of(moved.outcome), board_of(plain.outcome));
    EXPECT_EQ(moved.outcome.model_sha256, plain.outcome.model_sha256);
    EXPECT_EQ(moved.outcome.failed, 0);
    size_t moves = 0;
    for (const auto& [number, trial] : moved.trials) {
      if (number == 0 || trial.info.status == tracking::RunStatus::kPruned) continue;
      EXPECT_EQ(tag_of(trial, "device"), "cpu") << "two folds never end on the card";
      const std::string from = tag_of(trial, "moved_from");
      if (from.empty()) continue;
      ++moves;
      EXPECT_EQ(from, "card:0 (device: the card is lost)");
      EXPECT_THAT(trial.stdout_text,
                  HasSubstr("moved to cpu from card:0 (device: the card is lost)\n"));
      EXPECT_THAT(moved.outcome.notes,
                  Contains(fmt::format("trial {} (gbt) moved to cpu from {}", number, from)));
    }
    // With slots of both the CPU's may have done all.
    if (!listed) {
      EXPECT_GT(moves, 0u);
    }
  }
}

TEST(Devices, WhatDoesNotFitACardsMemoryMoves) {
  DiscreteDevice card("card:0", kDeviceBytes);
  const Moved moved = sweep_with(&card, false, [](bool) {
    return Script{fail(StatusCode::kResourceExhausted, "2 GB asked for, 1 GB free")};
  });
  EXPECT_EQ(moved.outcome.failed, 0);
  EXPECT_EQ(moved.outcome.finished + moved.outcome.pruned, 30);
  EXPECT_EQ(tag_of(moved.trials.at(1), "moved_from"),
            "card:0 (resource_exhausted: 2 GB asked for, 1 GB free)");
}

// What the data or the setting is to blame for fails everywhere.
TEST(Devices, OtherFailuresStayWhereTheyAre) {
  DiscreteDevice card("card:0", kDeviceBytes);
  const Moved failed = sweep_with(
      &card, false, [](bool) { return Script{fail(StatusCode::kData, "no two classes")}; });
  EXPECT_EQ(failed.outcome.finished, 1);
  EXPECT_GT(failed.outcome.failed, 0);
  EXPECT_EQ(tag_of(failed.trials.at(1), "device"), "card:0");
  EXPECT_EQ(tag_of(failed.trials.at(1), "moved_from"), "");
}

TEST(Devices, ADeviceThatStandsAloneKeepsItsTrials) {
  DiscreteDevice card("card:0", kDeviceBytes);
  SweepBench bench;
  bench.add(std::make_unique<FakeLearner>("constant"));
  bench.add(std::make_unique<FakeLearner>("gbt", [](const FakeLearner::Call&) {
    return Script{fail(StatusCode::kDevice, "the card is lost")};
  }));
  bench.request.compute.devices = {&card};
  bench.request.config.budget.trials = 3;
  const auto outcome = bench.run();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->failed, 2);
  EXPECT_THAT(outcome->notes, Not(Contains(HasSubstr("moved"))));
  const auto trials = trials_of(bench, outcome->run_id);
  EXPECT_EQ(tag_of(trials.at(1), "device"), "card:0");
  EXPECT_EQ(trials.at(1).info.message, "device: the card is lost");
}

// A sweep of a table that is large enough for features to be chosen, alone on `card`.
struct Screened {
  SweepOutcome outcome;
  std::string model;
};
Screened sweep_that_screens(DiscreteDevice& card) {
  SweepBench bench;
  kernels::KernelSet kernels = *bench.request.compute.kernels;
  conformance::register_discrete_kernels(kernels);
  bench.request.compute.kernels = &kernels;
  bench.request.compute.devices = {&card};
  bench.request.table = small_table(1300, true);
  bench.request.config.learners = {{"gbt", {}}};
  bench.request.config.validation.method = "holdout";
  bench.request.config.validation.refit = false;
  bench.request.config.budget.trials = 2;
  const auto outcome = bench.run();
  EXPECT_TRUE(outcome) << outcome.error().message;
  if (!outcome) return {};
  const auto sweep = tracking::load_run(*bench.request.workspace, outcome->run_id);
  EXPECT_TRUE(sweep);
  EXPECT_EQ(std::get<int64_t>(sweep->tags.at("screen_rows").data()), 1300);
  return {*outcome, tracking::slurp(outcome->model_path)};
}

// For good: its trial fails, and the baseline is the model.
TEST(Devices, ACardThatIsLostWhilePreparingLeavesThatToTheHost) {
  for (const StatusCode code : {StatusCode::kDevice, StatusCode::kResourceExhausted}) {
    DiscreteDevice card("discrete:0", kDeviceBytes);
    card.own_info().emulated = false;
    card.fail_after(0, code, 1'000'000);
    const Screened on_card = sweep_that_screens(card);
    EXPECT_FALSE(on_card.model.empty());
    for (const char* part : {"reading columns", "choosing features"}) {
      EXPECT_THAT(on_card.outcome.notes,
                  Contains(HasSubstr(std::string(part) +
                                     " moved to cpu from discrete:0 (discrete:0 is lost)")));
    }
    EXPECT_EQ(on_card.outcome.failed, 1);
  }
}

// An emulation's time is nobody's, and no card has tried what is untried: neither is waited for
// before there is a baseline. So what fails first there is a trial.
TEST(Devices, NothingIsPreparedOnAnEmulatedOrUntriedCard) {
  for (const bool emulated : {false, true}) {
    DiscreteDevice card("discrete:0", kDeviceBytes);
    card.own_info().emulated = emulated;
    card.own_info().untried = !emulated;
    card.fail_after(0, StatusCode::kDevice);
    const Screened on_card = sweep_that_screens(card);
    EXPECT_FALSE(on_card.model.empty());
    EXPECT_EQ(on_card.outcome.failed, 1);
    EXPECT_THAT(on_card.outcome.notes, Not(Contains(HasSubstr("moved to cpu"))));
  }
}

// Real learners with the reference's kernels on the card: the bits of the CPU's.
TEST(Devices, GiveTheSameModelAsTheCpuAlone) {
  const auto sweep = [](DiscreteDevice* card, int64_t slots) {
    SweepBench bench;
    kernels::KernelSet kernels = *bench.request.compute.kernels;
    conformance::register_discrete_kernels(kernels);
    bench.request.compute.kernels = &kernels;
    if (card != nullptr) bench.request.compute.devices.push_back(card);
    bench.request.table = small_table(300, true);
    bench.request.config.validation.folds = 3;
    bench.request.config.run.slots = slots;
    bench.request.threads = static_cast<int>(std::max<int64_t>(slots, 1));
    ParamOverride rounds;
    rounds.name = "rounds";
    rounds.setting = ParamValue(int64_t{6});
    ParamOverride trees;
    trees.name = "trees";
    trees.setting = ParamValue(int64_t{4});
    bench.request.config.learners = {{"gbt", {rounds}}, {"random_forest", {trees}}};
    bench.request.config.budget.trials = 20;
    const auto outcome = bench.run();
    EXPECT_TRUE(outcome) << outcome.error().message;
    if (!outcome) return std::string();
    EXPECT_EQ(outcome->failed, 0);
    return board_of(*outcome) + tracking::slurp(outcome->model_path);
  };
  const std::string cpu = sweep(nullptr, 2);
  ASSERT_FALSE(cpu.empty());
  for (const int64_t slots : {2, 4}) {
    DiscreteDevice card("discrete:0", kDeviceBytes);
    EXPECT_TRUE(sweep(&card, slots) == cpu) << slots;
    EXPECT_EQ(card.held_bytes(), 0);
  }
}

TEST(Slots, EveryDeviceHasOneAndTheCpuTheOthers) {
  const auto places = [](int threads, size_t devices, std::optional<size_t> host) {
    SlotRequest request;
    request.threads = threads;
    request.cells = 1000;
    request.lanes.assign(devices, 1);
    request.host = host;
    return plan_slots(request).devices;
  };
  EXPECT_THAT(places(4, 1, 0), ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(places(4, 2, 0), ElementsAre(0, 1, 0, 0));
  EXPECT_THAT(places(4, 2, 1), ElementsAre(0, 1, 1, 1));
  EXPECT_THAT(places(5, 3, 1), ElementsAre(0, 1, 2, 1, 1));
  EXPECT_THAT(places(5, 2, std::nullopt), ElementsAre(0, 1, 0, 1, 0));
  // Fewer threads than devices.
  EXPECT_THAT(places(1, 3, 0), ElementsAre(0, 1, 2));
}

TEST(Slots, ADeviceWithLanesHasSeveralWhereThreadsAllow) {
  const auto plan_of = [](int threads, std::vector<int32_t> lanes, std::optional<size_t> host) {
    SlotRequest request;
    request.threads = threads;
    request.cells = int64_t{1} << 40;  // one slot would do
    request.lanes = std::move(lanes);
    request.host = host;
    return plan_slots(request);
  };
  EXPECT_THAT(plan_of(2, {4}, std::nullopt).devices, ElementsAre(0));
  EXPECT_THAT(plan_of(8, {4}, std::nullopt).devices, ElementsAre(0, 0));
  EXPECT_EQ(plan_of(8, {4}, std::nullopt).threads_per_slot, 4);
  EXPECT_THAT(plan_of(64, {4}, std::nullopt).devices, ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(plan_of(64, {4, 4}, std::nullopt).devices, ElementsAre(0, 1, 0, 1, 0, 1, 0, 1));
  EXPECT_THAT(plan_of(16, {4, 4}, std::nullopt).devices, ElementsAre(0, 1, 0, 1));
  EXPECT_EQ(plan_of(64, {1, 4, 4, 4, 4, 4, 4, 4, 4}, 0).slots, 9);
  // Beside the CPU.
  EXPECT_THAT(plan_of(8, {1, 4}, 0).devices, ElementsAre(0, 1));
  EXPECT_THAT(plan_of(16, {1, 4}, 0).devices, ElementsAre(0, 1, 1));
  EXPECT_THAT(plan_of(64, {4, 1}, 1).devices, ElementsAre(0, 1, 0, 0, 0));
}

TEST(History, KeepsARungThatIsMetTwiceOnce) {
  History history;
  history.start({});
  const Rung rung{Rung::Ladder::kFolds, 1};
  history.record_rung(0, {rung, 0.5});
  history.record_rung(0, {rung, 0.5});
  history.record_rung(0, {{Rung::Ladder::kFolds, 2}, 0.4});
  EXPECT_EQ(history.at(0).rungs.size(), 2u);
}

}  // namespace
}  // namespace assay::automl
