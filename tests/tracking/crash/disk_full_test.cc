// A disk that is full or broken at each call in turn: the call that needed it says why, nothing
// acknowledged is lost, old runs stay as they are, and once the disk is well again everything
// goes on.
#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <system_error>

#include "tests/tracking/crash/power_loss.h"
#include "tests/tracking/crash/store_check.h"
#include "tests/tracking/crash/trial_count.h"
#include "tests/tracking/crash/workload.h"
#include "tests/tracking/failing_files.h"
#include "tests/tracking/test_folder.h"
#include "tracking/run_query.h"

namespace assay::tracking {
namespace {

constexpr uint64_t kSeed = 20240921;
constexpr int kActions = 22;
constexpr int kActionsWhileBroken = 6;

struct Trouble {
  int reason = ENOSPC;    // errno of the failing call
  bool lasting = true;    // all later calls fail too, until the disk is mended
  bool removals = false;  // unlink fails as well
  Focus focus = Focus::kAll;
};

struct Outcome {
  int64_t calls = 0;  // on the file system
  int failed_steps = 0;
  Problems problems{};
};

std::string make_old_run(const std::string& store) {
  const auto workspace = Workspace::create(store, "old");
  EXPECT_TRUE(workspace);
  auto run = Run::create(*workspace, {.name = "old"});
  EXPECT_TRUE(run);
  const RunScript script("old");
  for (int64_t i = 0; i < 100; ++i) EXPECT_TRUE(script.apply(**run, i));
  EXPECT_TRUE((*run)->finish(script.final_status(), script.final_message()));
  return run_file_of(**workspace, (*run)->id());
}

void check_message(const Error& error, const Trouble& trouble, Problems& problems) {
  const std::string reason = std::generic_category().message(trouble.reason);
  if (error.code != StatusCode::kIo || error.message.find(reason) == std::string::npos) {
    problems.push_back("the failure does not say why: " + error.message);
  }
}

// A workload whose disk fails at call `at` (-1: never).
Outcome work_on_failing_disk(int64_t at, const Trouble& trouble) {
  const TestFolder folder(fast_folder());
  const std::string store = folder / "store";
  const std::string old_run = make_old_run(store);
  const std::string old_bytes = slurp(old_run);
  Outcome outcome;
  Ledger ledger;
  {
    FailingFiles files;
    files.reason = trouble.reason;
    files.removals_fail = trouble.removals;
    const auto workspace = Workspace::open(store, &files);
    EXPECT_TRUE(workspace);
    tune_journal(**workspace, 0);
    Workload workload(*workspace, kSeed, "full", [&](const Fact& fact) { ledger.note(fact); });
    files.restart(at, trouble.lasting);
    bool well = true;
    for (int i = 0, broken_until = -1; i < kActions; ++i) {
      const Status status = workload.step(trouble.focus);
      const bool broke = at >= 0 && well && files.count() > at;
      if (broke) {
        well = false;
        broken_until = trouble.lasting ? i + kActionsWhileBroken : i;
      }
      if (!status) {
        ++outcome.failed_steps;
        check_message(status.error(), trouble, outcome.problems);
        if (broken_until < i) {
          outcome.problems.push_back("fails on a mended disk: " + status.error().message);
        }
      }
      if (i == broken_until) files.fail_at = -1;
    }
    files.fail_at = -1;
    if (const Status status = workload.finish(); !status) {
      outcome.problems.push_back("cannot finish on a mended disk: " + status.error().message);
    }
    outcome.calls = files.count();
  }
  const Problems found = recover_and_check(store, ledger);
  outcome.problems.insert(outcome.problems.end(), found.begin(), found.end());
  if (slurp(old_run) != old_bytes) outcome.problems.push_back("the old run's file changed");
  return outcome;
}

void fail_each_call(const char* name, const Trouble& trouble) {
  const int64_t calls = work_on_failing_disk(-1, {.focus = trouble.focus}).calls;
  ASSERT_GT(calls, 60);
  int64_t failed_steps = 0;
  int trials = 0;
  for (int64_t at = 0; at < calls; ++at, ++trials) {
    const Outcome outcome = work_on_failing_disk(at, trouble);
    failed_steps += outcome.failed_steps;
    for (const std::string& problem : outcome.problems) {
      ADD_FAILURE() << "call " << at << ": " << problem;
    }
  }
  report(fmt::format("{} at each of {} calls: {} actions failed and said why, nothing lost", name,
                     trials, failed_steps));
  EXPECT_GT(failed_steps, trouble.lasting ? calls / 4 : 0);
}

TEST(DiskFull, AtEachCallLosesNothingAcknowledged) {
  fail_each_call("a full disk", {.reason = ENOSPC});
}

TEST(DiskFull, AtEachCallOfUpkeepLosesNothingAcknowledged) {
  fail_each_call("a full disk in upkeep", {.reason = ENOSPC, .focus = Focus::kUpkeep});
}

TEST(DiskFull, ForOneCallLosesNothingAcknowledged) {
  fail_each_call("a disk full for one call", {.reason = ENOSPC, .lasting = false});
}

TEST(DiskBroken, AtEachCallLosesNothingAcknowledged) {
  fail_each_call("a broken disk", {.reason = EIO, .removals = true});
}

TEST(DiskBroken, ForOneCallLosesNothingAcknowledged) {
  fail_each_call("one broken call", {.reason = EIO, .lasting = false, .removals = true});
}

TEST(DiskBroken, ForOneCallOfUpkeepLosesNothingAcknowledged) {
  fail_each_call("one broken call in upkeep",
                 {.reason = EIO, .lasting = false, .removals = true, .focus = Focus::kUpkeep});
}

}  // namespace
}  // namespace assay::tracking
