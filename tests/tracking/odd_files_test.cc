// What stands in a workspace where its files and folders belong: folders, pipes, links that lead
// elsewhere, nowhere or round in circles (which nobody can read, not even root).
#include <sys/stat.h>

#include <filesystem>
#include <functional>

#include "tests/tracking/killed_store.h"
#include "tests/tracking/upkeep_fixture.h"
#include "tracking/garbage.h"
#include "tracking/quarantine.h"
#include "tracking/run_file.h"
#include "tracking/run_scratch.h"
#include "tracking/workspace_check.h"
#include "tracking/workspace_copy.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr GarbageOptions kAtOnce = {.grace_ns = 0, .retention_ns = 0};

class OddFiles : public UpkeepTest {
 protected:
  std::string store(const std::string& path) const { return folder_ / ("store/" + path); }
  std::string aside() { return folder_ / fmt::format("aside{}", aside_++); }
  CheckReport check() {
    const auto report = check_workspace(*workspace_, stop_);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : CheckReport();
  }
  GarbageReport collect() {
    const auto report = collect_garbage(*workspace_, kAtOnce);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : GarbageReport();
  }
  CopyReport copy() {
    fs::remove_all(folder_ / "copy");
    const auto report = copy_workspace(*workspace_, folder_ / "copy", stop_);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : CopyReport();
  }
  size_t copied_runs() { return list_runs(**Workspace::open(folder_ / "copy"))->runs.size(); }
  void hide(const std::string& path) {
    fs::rename(path, aside());
    fs::create_symlink(fs::path(path).filename(), path);
  }
  StopToken stop_;
  int aside_ = 0;
};

TEST_F(OddFiles, InPlaceOfAFolderEndWhatNeedsIt) {
  const std::string model = "other model bytes";
  ModelRegistry registry(workspace_);
  ASSERT_TRUE(registry.set_alias("credit", "champion", 1));
  const std::string changes = store("models/credit/changes");
  const std::string whole = aside();
  fs::rename(changes, whole);
  reopen();
  fs::create_symlink("nothing", changes);
  EXPECT_EQ(ModelRegistry(workspace_).set_alias("credit", "next", 1).error().code, StatusCode::kIo);
  fs::remove(changes);
  fs::rename(whole, changes);
  ASSERT_TRUE(workspace_->close());
  fs::rename(store("writers"), aside());
  spill(store("writers"), "a file");
  workspace_ = *Workspace::open(folder_ / "store");
  ModelRegistry blocked(workspace_);
  EXPECT_EQ(blocked.set_alias("credit", "next", 1).error().code, StatusCode::kIo);
  EXPECT_EQ(
      blocked.register_model({.name = "credit"}, std::as_bytes(std::span(model))).error().code,
      StatusCode::kIo);
  EXPECT_EQ(blocked.resolve("credit@champion")->version, 1);
}

TEST_F(OddFiles, OfAProcessThatWasKilledJustNowAreNoGarbageInADryRunEither) {
  auto run = Run::create(workspace_, {.kind = "sweep"});
  ASSERT_TRUE(run && (*run)->durable());
  const std::string id = (*run)->id();
  ASSERT_TRUE(RunScratch(*workspace_, id).write("f", std::as_bytes(std::span("12", 2))));
  copy_as_killed(folder_ / "store", folder_ / "killed");
  run->reset();
  workspace_ = *Workspace::open(folder_ / "killed");
  EXPECT_EQ(collect_garbage(*workspace_, {.dry_run = true})->scratch_runs, 0);
  EXPECT_EQ(collect_garbage(*workspace_, {})->scratch_runs, 0);
  EXPECT_EQ(RunScratch(*workspace_, id).names()->size(), 1U);
}

}  // namespace
}  // namespace assay::tracking
