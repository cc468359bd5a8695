#include "tracking/run_trash.h"

#include <filesystem>

#include "tests/tracking/full_disk_files.h"
#include "tests/tracking/hooked_files.h"
#include "tests/tracking/killed_store.h"
#include "tests/tracking/upkeep_fixture.h"
#include "tracking/environment.h"
#include "tracking/run_file.h"
#include "tracking/run_tags.h"

namespace assay::tracking {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

using RunTrash = UpkeepTest;

TEST_F(RunTrash, GoesOnWithARestorationThatWasCutShort) {
  for (int renames = 0; renames < 3; ++renames) {
    ASSERT_TRUE(delete_run(*workspace_, sweep_, true));
    int left = renames;
    HookedFiles files([&](std::string_view operation, const std::string& path) -> Status {
      if (operation != "rename" || !path.ends_with(".h5") || left-- > 0) return {};
      return fail(StatusCode::kIo, "killed");
    });
    const auto cut = *Workspace::open(folder_ / "store", &files);
    EXPECT_FALSE(restore_run(*cut, sweep_));
    EXPECT_THAT(*deleted_runs(*workspace_), SizeIs(3 - renames));
    const auto restored = restore_run(*workspace_, sweep_);
    ASSERT_TRUE(restored) << renames << ": " << restored.error().message;
    EXPECT_THAT(*deleted_runs(*workspace_), IsEmpty());
    EXPECT_THAT(run_ids(), UnorderedElementsAre(sweep_, trials_[0], trials_[1], other_));
  }
}

TEST_F(RunTrash, TakesARunWithAllBelowItAndGivesThemBack) {
  const auto before = files_below(folder_ / "store/runs");
  const auto deleted = delete_run(*workspace_, sweep_, true);
  ASSERT_TRUE(deleted) << deleted.error().message;
  ASSERT_THAT(*deleted, SizeIs(3));
  EXPECT_EQ((*deleted)[0].run_id, sweep_);
  EXPECT_THAT(run_ids(), ElementsAre(other_));
  EXPECT_FALSE(find_run(*workspace_, sweep_));

  const auto trash = deleted_runs(*workspace_);
  ASSERT_TRUE(trash);
  EXPECT_THAT(*trash, SizeIs(3));
  for (const DeletedRun& run : *trash) EXPECT_GT(run.bytes, 1000);

  const auto restored = restore_run(*workspace_, sweep_.substr(0, 26));
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_THAT(*restored, SizeIs(3));
  EXPECT_EQ(files_below(folder_ / "store/runs"), before);
  EXPECT_THAT(*deleted_runs(*workspace_), IsEmpty());
  EXPECT_THAT(run_ids(), UnorderedElementsAre(sweep_, trials_[0], trials_[1], other_));
}

TEST_F(RunTrash, TakesNoneOfSeveralRunsOfOneName) {
  for (int i = 0; i < 2; ++i) {
    auto run = Run::create(workspace_, {.name = "twice"});
    ASSERT_TRUE(run && (*run)->finish(RunStatus::kCompleted));
  }
  const auto refused = delete_run(*workspace_, "twice");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, StatusCode::kInvalidArgument);
  EXPECT_THAT(refused.error().message, HasSubstr("2 runs are named 'twice'"));
  const std::string newest = find_run(*workspace_, "twice")->run_id;
  EXPECT_THAT(refused.error().message, HasSubstr(newest));
  EXPECT_TRUE(delete_run(*workspace_, newest));
  EXPECT_TRUE(delete_run(*workspace_, "twice")) << "the only one left";
}

TEST_F(RunTrash, NeverReplacesARunThatIsThere) {
  const std::string file = run_file_of(*workspace_, other_);
  const std::string copy = folder_ / "copy.h5";
  std::filesystem::copy_file(file, copy);
  ASSERT_TRUE(delete_run(*workspace_, other_));
  std::filesystem::rename(copy, file);
  ASSERT_TRUE(tag_run(*workspace_, other_, {{{"newer", true}}, {}}));
  const auto refused = restore_run(*workspace_, other_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, StatusCode::kAlreadyExists);
  EXPECT_TRUE(load_run(*workspace_, other_)->tags.contains("newer"));
  EXPECT_THAT(*deleted_runs(*workspace_), SizeIs(1));
}

TEST_F(RunTrash, RestoresAllOfSeveralOrNone) {
  ASSERT_TRUE(delete_run(*workspace_, sweep_, true));
  ASSERT_TRUE(delete_run(*workspace_, other_));
  const std::vector<std::string> unknown = {sweep_, "01ARZ3NDEKTSV4RRFFQ69G5FAV"};
  const auto refused = restore_runs(*workspace_, unknown);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, StatusCode::kNotFound);
  EXPECT_THAT(run_ids(), IsEmpty());

  // One of them is there again: nothing of the other moves either.
  const std::string file = run_file_of(*workspace_, other_);
  std::filesystem::copy_file(deleted_runs(*workspace_)->front().path, file);
  const std::vector<std::string> both = {sweep_, other_};
  EXPECT_EQ(restore_runs(*workspace_, both).error().code, StatusCode::kAlreadyExists);
  EXPECT_THAT(run_ids(), ElementsAre(other_));
  std::filesystem::remove(file);

  const std::vector<std::string> overlapping = {trials_[0], sweep_, other_};
  const auto restored = restore_runs(*workspace_, overlapping);
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_THAT(*restored, SizeIs(4));
  EXPECT_THAT(run_ids(), UnorderedElementsAre(sweep_, trials_[0], trials_[1], other_));
}

TEST_F(RunTrash, WorksOnAFullDisk) {
  ASSERT_TRUE(workspace_->ensure_folder(std::string(kRunTrash)));
  reopen();
  FullDisk files(true);
  const auto full = *Workspace::open(folder_ / "store", &files);
  const auto deleted = delete_run(*full, sweep_, true);
  ASSERT_TRUE(deleted) << deleted.error().message;
  EXPECT_GT(files.refused, 0) << "it had no lease";
  EXPECT_THAT(*deleted, SizeIs(3));
  EXPECT_THAT(run_ids(), ElementsAre(other_));
  ASSERT_TRUE(workspace_->recover());
  EXPECT_THAT(run_ids(), ElementsAre(other_)) << "nothing comes back";
  EXPECT_THAT(*deleted_runs(*workspace_), SizeIs(3));
  EXPECT_TRUE(restore_run(*workspace_, sweep_));
  EXPECT_THAT(run_ids(), UnorderedElementsAre(sweep_, trials_[0], trials_[1], other_));
}

// Without its file a run would be written anew by the next recovery, as if nobody had deleted it.
TEST_F(RunTrash, OnAFullDiskLeavesWhatIsInAJournalYet) {
  ASSERT_TRUE(workspace_->ensure_folder(std::string(kRunTrash)));
  auto run = *Run::create(workspace_, {.kind = "job", .name = "cut"});
  ASSERT_TRUE(run->log_metric("loss", 1, 1));
  ASSERT_TRUE(run->durable());
  copy_as_killed(folder_ / "store", folder_ / "killed");
  ASSERT_TRUE(run->finish(RunStatus::kCompleted));
  std::filesystem::create_directories(folder_ / "killed/trash/runs");
  FullDisk files(true);
  const auto full = *Workspace::open(folder_ / "killed", &files);
  const auto cut = delete_run(*full, "cut");
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, StatusCode::kIo) << cut.error().message;
  EXPECT_THAT(cut.error().message, HasSubstr("No space left on device"));
  EXPECT_THAT(cut.error().message, HasSubstr(run->id() + " is in a journal yet"));
  EXPECT_TRUE(find_run(*full, "cut"));
  EXPECT_TRUE(delete_run(*full, other_)) << "others are in nobody's journal";
}

TEST_F(RunTrash, TakesATrialAlone) {
  ASSERT_TRUE(delete_run(*workspace_, trials_[0]));
  EXPECT_THAT(run_ids(), UnorderedElementsAre(sweep_, trials_[1], other_));
  // The sweep goes as well; restoring it brings back what was below it.
  ASSERT_TRUE(delete_run(*workspace_, sweep_, true));
  ASSERT_THAT(*restore_run(*workspace_, sweep_), SizeIs(3));
}

TEST_F(RunTrash, KeepsRunsThatModelsComeFromAndRunningOnes) {
  const auto refused = delete_run(*workspace_, sweep_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, StatusCode::kInvalidArgument);
  EXPECT_THAT(refused.error().message, HasSubstr("credit:1"));
  EXPECT_THAT(run_ids(), SizeIs(4));

  const auto live = Run::create(workspace_, {});
  ASSERT_TRUE(live);
  ASSERT_TRUE((*live)->checkpoint());
  const auto running = delete_run(*workspace_, (*live)->id());
  ASSERT_FALSE(running);
  EXPECT_THAT(running.error().message, HasSubstr("still running"));
}

TEST_F(RunTrash, NamesWhatItCannotFind) {
  EXPECT_EQ(delete_run(*workspace_, "nothing").error().code, StatusCode::kNotFound);
  ASSERT_TRUE(delete_run(*workspace_, other_));
  const auto deleted = *deleted_runs(*workspace_);
  std::string near = deleted[0].info.name;
  near.back() = near.back() == 'x' ? 'y' : 'x';
  const auto restored = restore_run(*workspace_, near);
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().code, StatusCode::kNotFound);
  EXPECT_THAT(restored.error().message, HasSubstr(deleted[0].info.name));
}

TEST_F(RunTrash, PurgesWhatWasDeletedBefore) {
  ASSERT_TRUE(delete_run(*workspace_, other_));
  EXPECT_THAT(*purge_runs(*workspace_, 1, false), IsEmpty());
  const int64_t later = wall_time_ns() + 1'000'000'000;
  EXPECT_THAT(*purge_runs(*workspace_, later, true), SizeIs(1));
  EXPECT_THAT(*deleted_runs(*workspace_), SizeIs(1)) << "a dry run removes nothing";
  EXPECT_THAT(*purge_runs(*workspace_, later, false), SizeIs(1));
  EXPECT_THAT(*deleted_runs(*workspace_), IsEmpty());
  EXPECT_FALSE(restore_run(*workspace_, other_));
}

TEST_F(RunTrash, LeavesOutDamagedAndForeignFiles) {
  ASSERT_TRUE(delete_run(*workspace_, other_));
  const std::string trash = folder_ / "store/trash/runs/";
  spill(trash + other_ + "-17.h5", "no run");
  spill(trash + "notes.txt", "mine");
  std::vector<std::string> damaged;
  EXPECT_THAT(*deleted_runs(*workspace_, &damaged), SizeIs(1));
  EXPECT_THAT(damaged, ElementsAre(HasSubstr("-17.h5")));
}

}  // namespace
}  // namespace assay::tracking
