// A store on a small file system of its own (tmpfs) that really runs full. Mounting needs rights
// that few have: without them the test says so and is skipped; disk_full_test shows the same on a
// simulated disk.
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <span>
#include <string_view>
#include <system_error>

#include "tests/tracking/crash/store_check.h"
#include "tests/tracking/crash/trial_count.h"
#include "tests/tracking/crash/workload.h"
#include "tests/tracking/test_folder.h"
#include "tracking/blob_store.h"
#include "tracking/garbage.h"
#include "tracking/run_trash.h"
#include "tracking/workspace_check.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

class SmallDisk {
 public:
  SmallDisk() {
    fs::create_directory(path());
    const bool mounted = ::mount("assay", path().c_str(), "tmpfs", 0, "size=8m,mode=700") == 0;
    error_ = mounted ? 0 : errno;
  }
  ~SmallDisk() {
    if (error_ == 0) ::umount2(path().c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  std::string path() const { return folder_ / "disk"; }
  int error() const { return error_; }

 private:
  TestFolder folder_;
  int error_ = 0;
};

bool says(const Status& status, std::string_view text) {
  return status.error().message.find(text) != std::string::npos;
}

// What the publisher in the background has not come to yet, or had no room for.
bool waits_for_file(const Status& status) { return says(status, "has not written its file yet"); }

TEST(SmallDisk, RunsFullAndGoesOnWhenThereIsRoom) {
  const SmallDisk disk;
  if (disk.error() != 0) {
    const std::string reason = std::generic_category().message(disk.error());
    report("a small tmpfs: skipped, it cannot be mounted: " + reason);
    GTEST_SKIP() << "a tmpfs cannot be mounted: " << reason;
  }
  const std::string store = disk.path() + "/store";
  const std::string filler = disk.path() + "/filler";
  Ledger ledger;
  int rounds_full = 0;
  int failures = 0;
  {
    const auto workspace = Workspace::create(store, "small");
    ASSERT_TRUE(workspace);
    Workload workload(*workspace, 1, "small", [&](const Fact& fact) { ledger.note(fact); });
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(workload.step());
    for (int round = 0; round < 8; ++round) {
      const auto space = fs::space(disk.path());
      // Leaves a little: some calls still succeed.
      spill(filler,
            std::string(space.available -
                            std::min<uintmax_t>(space.available, 12'288 * uintmax_t(round % 3)),
                        'x'));
      bool full = false;
      for (int i = 0; i < 12; ++i) {
        const Status status = workload.step();
        if (status) continue;
        full = true;
        ++failures;
        EXPECT_TRUE(says(status, "No space left on device") || waits_for_file(status))
            << status.error().message;
      }
      rounds_full += full ? 1 : 0;
      fs::remove(filler);
      for (int i = 0; i < 3; ++i) {
        const Status status = workload.step();
        EXPECT_TRUE(status || waits_for_file(status))
            << "there is room again: " << status.error().message;
      }
    }
    const Status status = workload.finish();
    EXPECT_TRUE(status) << status.error().message;
  }
  for (const std::string& problem : recover_and_check(store, ledger)) ADD_FAILURE() << problem;
  EXPECT_GT(rounds_full, 3);
  report(
      fmt::format("a small tmpfs: full in {} rounds, {} actions failed and said why, {} "
                  "acknowledged facts kept",
                  rounds_full, failures, ledger.size()));
}

// With the last byte taken, garbage goes all the same, and there is room for writers again.
TEST(SmallDisk, ThatIsFullCanBeCleared) {
  const SmallDisk disk;
  if (disk.error() != 0) {
    GTEST_SKIP() << "a tmpfs cannot be mounted: " << std::generic_category().message(disk.error());
  }
  const std::string store = disk.path() + "/store";
  const GarbageOptions at_once = {.grace_ns = 0, .retention_ns = 0};
  {
    const auto workspace = *Workspace::create(store, "small");
    auto run = std::move(*Run::create(workspace, {.name = "old"}));
    const std::string bytes(200'000, 'a');
    ASSERT_TRUE(run->log_artifact("a", std::as_bytes(std::span(bytes)), "text/plain"));
    ASSERT_TRUE(run->finish(RunStatus::kCompleted));
    ASSERT_TRUE(delete_run(*workspace, "old"));
    ASSERT_TRUE(BlobStore(*workspace).put(std::string(300'000, 'b')));
  }
  {
    std::ofstream filler(disk.path() + "/filler", std::ios::binary);
    while (filler.write(std::string(4096, 'x').data(), 4096).flush()) {
    }
  }
  ASSERT_EQ(fs::space(disk.path()).available, 0U);
  const StopToken stop;
  {
    const auto workspace = *Workspace::open(store);
    EXPECT_FALSE(Run::create(workspace, {})) << "no room for a writer's folder";
    const auto checked = check_workspace(*workspace, stop);
    ASSERT_TRUE(checked) << checked.error().message;
    EXPECT_TRUE(checked->whole()) << "a check writes nothing";
    const auto report = collect_garbage(*workspace, at_once);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->runs, 1);
    EXPECT_EQ(report->blobs, 2);
    EXPECT_EQ(report->blob_bytes, 500'000);
  }
  EXPECT_GE(fs::space(disk.path()).available, 500'000U);
  const auto workspace = *Workspace::open(store);
  EXPECT_TRUE(Run::create(workspace, {}));
  report("a full tmpfs: garbage collected without room for a writer's folder");
}

}  // namespace
}  // namespace assay::tracking
