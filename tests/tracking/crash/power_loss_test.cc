// Loss of power at any instant: nothing acknowledged is lost and nothing is torn; and a store that
// leaves out one kind of sync is caught.
#include "tests/tracking/crash/power_loss.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "kernels/base/rng.h"
#include "tests/tracking/crash/disk_model.h"
#include "tests/tracking/crash/trial_count.h"
#include "tests/tracking/test_folder.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kSeed = 20240917;
constexpr int kCutsEach = 12;

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

// Recordings that are cut only at their ends, when the most is acknowledged. Tiny segments go once
// their runs are published, so that no journal heals a run file; and for the syncs of the journal
// nothing is published, so that no file heals the journal.
PowerLossPlan control_plan(const SyncClass& left_out) {
  PowerLossPlan plan{.seed = derive_seed(kSeed, left_out.name)};
  plan.recordings = is_long_run() ? 25 : 4;
  plan.cuts = 12;
  plan.cut_at_end = true;
  plan.focus = left_out.focus;
  plan.during = left_out.during;
  plan.tuning = left_out.focus == Focus::kJournal ? 1 : 0;
  if (left_out.matches != nullptr) plan.drops = left_out.matches;
  return plan;
}

TEST(PowerLoss, AtAnyInstantLosesNothingAcknowledged) {
  const int trials = trial_count(120);
  const PowerLossCount count = lose_power(
      {.seed = kSeed, .recordings = (trials + kCutsEach - 1) / kCutsEach, .cuts = kCutsEach});
  report(
      fmt::format("power loss: {} trials, {} failed; {} acknowledged facts looked for; recovery "
                  "cut too in {}, by two at once in {}; {}",
                  count.trials, count.failed, count.facts, count.recoveries_cut,
                  count.recoveries_two, count.flips.text()));
  EXPECT_EQ(count.failed, 0) << joined(count.problems);
  EXPECT_GE(count.trials, trials);
  EXPECT_GT(count.facts, count.trials) << "the workload acknowledges too little to show anything";
  EXPECT_GT(count.recoveries_cut, 0);
  EXPECT_GT(count.recoveries_two, 0);
  EXPECT_GT(count.flips.told, 0);
}

// With the plan of the negative controls and nothing left out, nothing is wrong.
TEST(PowerLoss, AtTheEndLosesNothingAcknowledged) {
  for (const Focus focus : {Focus::kAll, Focus::kJournal, Focus::kUpkeep}) {
    const PowerLossCount count = lose_power(control_plan({"nothing", nullptr, focus}));
    EXPECT_EQ(count.failed, 0) << joined(count.problems);
  }
}

// One kind of sync at a time is left out: the harness must see it in a large share of the trials.
class LeftOutSync : public testing::TestWithParam<size_t> {};

TEST_P(LeftOutSync, IsCaught) {
  const SyncClass& left_out = sync_classes()[GetParam()];
  const PowerLossCount count = lose_power(control_plan(left_out));
  report(fmt::format("control without the sync of {}: caught in {} of {} trials ({} %)",
                     left_out.name, count.failed, count.trials, 100 * count.failed / count.trials));
  EXPECT_GE(100 * count.failed, left_out.least_percent * count.trials) << left_out.name;
}

INSTANTIATE_TEST_SUITE_P(PowerLoss, LeftOutSync, testing::Range<size_t>(0, sync_classes().size()));

// The model itself, on states that can be told by hand.
class Disk : public testing::Test {
 protected:
  // All that can be found in `name` after losing power, over many draws; "-" for no such file.
  std::set<std::string> found(const std::vector<TraceStep>& steps, const std::string& name) {
    DiskModel disk(root_.path());
    for (const TraceStep& step : steps) {
      const Status status = disk.apply(step);
      EXPECT_TRUE(status) << status.error().message;
    }
    std::set<std::string> states;
    Rng random(7);
    for (int i = 0; i < 300; ++i) {
      const TestFolder folder(fast_folder());
      disk.lose_power(folder.path(), random);
      states.insert(fs::exists(folder / name) ? slurp(folder / name) : "-");
    }
    return states;
  }
  TraceStep create(const std::string& name, int64_t file) {
    return {FileOperation::kCreate, root_ / name, "", file};
  }
  TraceStep append(int64_t file, const std::string& bytes) {
    return {FileOperation::kAppend, "", "", file, bytes};
  }
  TraceStep sync(int64_t file) { return {FileOperation::kSync, "", "", file}; }
  TraceStep rename(const std::string& from, const std::string& to) {
    return {FileOperation::kRename, root_ / to, root_ / from};
  }
  TraceStep sync_folder(const std::string& name = "") {
    return {FileOperation::kSyncFolder, name.empty() ? root_.path() : root_ / name};
  }
  using Set = std::set<std::string>;
  const TestFolder root_{fast_folder()};
};

TEST_F(Disk, KeepsWhatWasSynced) {
  EXPECT_EQ(found({create("a", 1), append(1, "data"), sync(1), sync_folder()}, "a"), Set{"data"});
}

TEST_F(Disk, AppendsToAFileThatWasThere) {
  spill(root_ / "a", "1");
  const TraceStep open{FileOperation::kOpenAppend, root_ / "a", "", 1};
  EXPECT_EQ(found({open, append(1, "2"), sync(1)}, "a"), Set{"12"});
  EXPECT_TRUE(found({open, append(1, "2")}, "a").contains("1"));
}

TEST_F(Disk, MayLoseANameThatWasNotSynced) {
  EXPECT_EQ(found({create("a", 1), append(1, "data"), sync(1)}, "a"), (Set{"-", "data"}));
}

TEST_F(Disk, MayLoseAnyPartOfDataThatWasNotSynced) {
  const Set states =
      found({create("a", 1), append(1, "d"), sync(1), append(1, "x"), sync_folder()}, "a");
  EXPECT_EQ(states, (Set{"d", "dx", std::string("d\0", 2)}));
}

TEST_F(Disk, RenamesWholeOrNotAtAll) {
  const std::vector<TraceStep> steps = {create("old", 1), append(1, "1"),      sync(1),
                                        sync_folder(),    create("new", 2),    append(2, "2"),
                                        sync(2),          rename("new", "old")};
  EXPECT_EQ(found(steps, "old"), (Set{"1", "2"}));
  std::vector<TraceStep> synced = steps;
  synced.push_back(sync_folder());
  EXPECT_EQ(found(synced, "old"), Set{"2"});
  EXPECT_EQ(found(synced, "new"), Set{"-"});
}

TEST_F(Disk, MayLoseANewFolderWithAllThatIsInIt) {
  const std::vector<TraceStep> steps = {{FileOperation::kMakeFolder, root_ / "f"},
                                        create("f/a", 1),
                                        append(1, "1"),
                                        sync(1),
                                        sync_folder("f")};
  EXPECT_EQ(found(steps, "f/a"), (Set{"-", "1"}));
  std::vector<TraceStep> synced = steps;
  synced.push_back(sync_folder());
  EXPECT_EQ(found(synced, "f/a"), Set{"1"});
}

TEST_F(Disk, ReordersChangesOfDifferentNames) {
  const Set states = found({create("a", 1),
                            sync_folder(),
                            create("b", 2),
                            append(2, "2"),
                            sync(2),
                            {FileOperation::kUnlink, root_ / "a"}},
                           "b");
  EXPECT_EQ(states, (Set{"-", "2"}));
}

TEST_F(Disk, KeepsHardLinksAndWhatWasThereBefore) {
  spill(root_ / "a", "1");
  DiskModel disk(root_.path());
  ASSERT_TRUE(disk.apply({FileOperation::kLink, root_ / "b", root_ / "a"}));
  ASSERT_TRUE(disk.apply(sync_folder()));
  Rng random(7);
  const TestFolder folder(fast_folder());
  disk.lose_power(folder.path(), random);
  EXPECT_EQ(slurp(folder / "b"), "1");
  EXPECT_EQ(fs::hard_link_count(folder / "a"), 2U);
}

TEST_F(Disk, RefusesAStepThatDoesNotFit) {
  DiskModel disk(root_.path());
  EXPECT_FALSE(disk.apply(rename("a", "b")));
  EXPECT_FALSE(disk.apply({FileOperation::kUnlink, "/elsewhere/a"}));
}

}  // namespace
}  // namespace assay::tracking
