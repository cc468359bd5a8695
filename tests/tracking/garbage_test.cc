#include "tracking/garbage.h"

#include <cerrno>
#include <filesystem>
#include <functional>
#include <iterator>
#include <system_error>
#include <utility>

#include "kernels/base/file_layer.h"
#include "tests/tracking/full_disk_files.h"
#include "tests/tracking/observed_files.h"
#include "tests/tracking/upkeep_fixture.h"
#include "tracking/blob_references.h"
#include "tracking/quarantine.h"
#include "tracking/run_file.h"
#include "tracking/run_trash.h"

namespace assay::tracking {
namespace {

using testing::HasSubstr;

using Garbage = UpkeepTest;

TEST_F(Garbage, IsWhatNothingNames) {
  const std::string orphan = put("nobody needs this");
  reopen();
  const auto report = collect_garbage(*workspace_, kAtOnce);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->blobs, 1);
  EXPECT_EQ(report->blob_bytes, 17);
  EXPECT_EQ(report->kept_blobs, 4) << "three artifacts, one of them twice, and a model";
  EXPECT_FALSE(holds(orphan));
  const auto references = find_references(*workspace_);
  ASSERT_TRUE(references) << references.error().message;
  for (const auto& [sha256, who] : references->blobs) EXPECT_TRUE(holds(sha256)) << who;
}

TEST_F(Garbage, IsOnlyCountedByADryRun) {
  const std::string orphan = put("nobody needs this");
  reopen();
  GarbageOptions options = kAtOnce;
  options.dry_run = true;
  const auto report = collect_garbage(*workspace_, options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->blobs, 1);
  EXPECT_TRUE(holds(orphan));
}

TEST_F(Garbage, IsNotWhatSomethingNamesAndWhatOfThatIsMissingIsTold) {
  const std::string orphan = put("nobody needs this");
  const std::string sha256 = load_run(*workspace_, trials_[0])->artifacts[0].sha256;
  std::filesystem::remove(folder_ / ("store/" + blob_path(sha256)));
  reopen();
  for (const bool dry_run : {true, false}) {
    GarbageOptions options = kAtOnce;
    options.dry_run = dry_run;
    const auto report = collect_garbage(*workspace_, options);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_THAT(report->missing, testing::ElementsAre(testing::AllOf(
                                     HasSubstr(sha256), HasSubstr("missing: run " + trials_[0]))));
    EXPECT_THAT(report->damaged, testing::IsEmpty()) << "it names nothing";
  }
  EXPECT_FALSE(holds(orphan)) << "it holds back nothing";
  StopToken stop;
  ASSERT_TRUE(quarantine_damage(*workspace_, stop));
  EXPECT_THAT(collect_garbage(*workspace_, kAtOnce)->missing, testing::IsEmpty())
      << "it is known to be lost";
}

TEST_F(Garbage, IsNotWhatAWriterHolds) {
  const std::string held = put("a run will name this soon");
  const auto report = collect_garbage(*workspace_, kAtOnce);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->blobs, 0);
  EXPECT_TRUE(holds(held));
}

TEST_F(Garbage, IsNotWhatIsYoung) {
  const std::string orphan = put("nobody needs this yet");
  reopen();
  const auto report = collect_garbage(*workspace_, {.retention_ns = 0});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->young_blobs, 1);
  EXPECT_TRUE(holds(orphan));
}

TEST_F(Garbage, IncludesDeletedRunsOnceTheirTimeIsUp) {
  ASSERT_TRUE(delete_run(*workspace_, trials_[0]));
  auto report = collect_garbage(*workspace_, {.grace_ns = 0});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->runs + report->blobs, 0) << "it may be restored for 30 days";
  const GarbageOptions dry = {.grace_ns = 0, .retention_ns = 0, .dry_run = true};
  report = collect_garbage(*workspace_, dry);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->runs, 1);
  EXPECT_EQ(report->blobs, 1) << "a dry run sees the run as gone";
  report = collect_garbage(*workspace_, kAtOnce);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->runs, 1);
  EXPECT_EQ(report->blobs, 1) << "the artifact of this run alone";
  EXPECT_TRUE(holds((*load_run(*workspace_, trials_[1])).artifacts[0].sha256));
}

TEST_F(Garbage, IncludesDeletedVersionsOnceTheirTimeIsUp) {
  ASSERT_TRUE(ModelRegistry(workspace_).delete_version("credit", 1));
  reopen();
  GarbageOptions options = kAtOnce;
  options.dry_run = true;
  const auto plan = collect_garbage(*workspace_, options);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->models, 1);
  EXPECT_EQ(plan->blobs, 1) << "a dry run sees the version as gone";
  ASSERT_TRUE(ModelRegistry(workspace_).restore_version("credit", 1)) << "and it is not";
  ASSERT_TRUE(ModelRegistry(workspace_).delete_version("credit", 1));
  reopen();
  const auto report = collect_garbage(*workspace_, kAtOnce);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->models, 1);
  EXPECT_EQ(report->blobs, 1);
  EXPECT_EQ(report->blob_bytes, plan->blob_bytes);
}

TEST_F(Garbage, IsNotWhatWasDeletedSinceThePlan) {
  auto collection = GarbageCollection::create(*workspace_, kAtOnce);
  ASSERT_TRUE(collection);
  const auto plan = collection->plan();
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->runs + plan->models + plan->blobs, 0);
  ASSERT_TRUE(ModelRegistry(workspace_).delete_version("credit", 1));
  ASSERT_TRUE(delete_run(*workspace_, trials_[0]));
  const auto report = collection->collect();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->runs + report->models + report->blobs, 0);
  EXPECT_TRUE(ModelRegistry(workspace_).restore_version("credit", 1));
  EXPECT_TRUE(restore_run(*workspace_, trials_[0]));
}

TEST_F(Garbage, IsHeldBackIfWhatIsDamagedMightNameIt) {
  const std::string orphan = put("nobody needs this");
  ASSERT_TRUE(delete_run(*workspace_, trials_[0]));
  reopen();
  const std::string path = run_file_of(*workspace_, other_);
  const std::string whole = slurp(path);
  spill(path, whole.substr(0, whole.size() / 2));
  GarbageOptions options = kAtOnce;
  for (const bool dry_run : {true, false}) {
    options.dry_run = dry_run;
    const auto report = collect_garbage(*workspace_, options);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_THAT(report->damaged, testing::ElementsAre(HasSubstr(other_)));
    EXPECT_EQ(report->runs, 1) << "what was deleted goes all the same";
    EXPECT_EQ(report->blobs, 0);
    EXPECT_EQ(report->held_blobs, 2) << "the orphan, and the artifact of the deleted run";
    EXPECT_EQ(report->held_bytes, 17 + 13);
  }
  EXPECT_TRUE(holds(orphan));
  spill(path, whole);
  EXPECT_EQ(collect_garbage(*workspace_, kAtOnce)->blobs, 2);
}

TEST_F(Garbage, IncludesDeletedRunsThatCannotBeRead) {
  ASSERT_TRUE(delete_run(*workspace_, other_));
  for (const std::string& path : files_below(folder_ / "store/trash/runs")) {
    spill(folder_ / ("store/trash/runs/" + path), "damaged");
  }
  EXPECT_EQ(collect_garbage(*workspace_, {.grace_ns = 0})->damaged.size(), 1U);
  const auto report = collect_garbage(*workspace_, kAtOnce);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->runs, 1);
  EXPECT_THAT(report->damaged, testing::IsEmpty());
}

TEST_F(Garbage, IsNotHeldBackForADeletedVersionForGood) {
  const std::string orphan = put("nobody needs this");
  ASSERT_TRUE(ModelRegistry(workspace_).delete_version("credit", 1));
  spill(folder_ / "store/models/credit/versions/1.json", "{");
  reopen();
  auto report = collect_garbage(*workspace_, {.grace_ns = 0});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->damaged, testing::ElementsAre(HasSubstr("versions/1.json")));
  EXPECT_TRUE(holds(orphan));
  report = collect_garbage(*workspace_, kAtOnce);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->models, 1);
  EXPECT_THAT(report->damaged, testing::IsEmpty());
  EXPECT_EQ(report->blobs, 2) << "the orphan and the model";
}

TEST_F(Garbage, IsCollectedOnAFullDisk) {
  ASSERT_TRUE(collect_garbage(*workspace_, kAtOnce)) << "makes trash/blobs";
  const std::string orphan = put("nobody needs this");
  ASSERT_TRUE(delete_run(*workspace_, trials_[0]));
  reopen();
  const auto writer = *Workspace::open(folder_ / "store");
  const std::string pinned = BlobStore(*writer).put("a run will name this soon")->sha256;
  const auto writers = [&] {
    return std::distance(std::filesystem::directory_iterator(folder_ / "store/writers"), {});
  };
  FullDisk files(true);
  const auto workspace = *Workspace::open(folder_ / "store", &files);
  const auto report = collect_garbage(*workspace, kAtOnce);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_GT(files.refused, 0);
  EXPECT_EQ(report->runs, 1);
  EXPECT_EQ(report->blobs, 2) << "the orphan, and the artifact of the deleted run";
  EXPECT_FALSE(holds(orphan));
  EXPECT_TRUE(holds(pinned));
  EXPECT_EQ(writers(), 1) << "that of the other writer";
  EXPECT_THAT(files_below(folder_ / "store/trash"), testing::IsEmpty());
}

TEST_F(Garbage, OnADiskThatTakesNotEvenNamesIsDeletedRunsAndCaches) {
  put("nobody needs this");
  ASSERT_TRUE(delete_run(*workspace_, trials_[0]));
  reopen();
  FullDisk files(false);
  const auto workspace = *Workspace::open(folder_ / "store", &files);
  EXPECT_FALSE(collect_garbage(*workspace, kAtOnce)) << "some of it had to stay";
  EXPECT_THAT(files_below(folder_ / "store/trash"), testing::IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(folder_ / "store/catalog.wal"));
  EXPECT_EQ(run_ids().size(), 3U) << "lists do without";
}

TEST_F(Garbage, IsPutBackWhereACollectionWasKilled) {
  const std::string needed = load_run(*workspace_, other_)->artifacts[0].sha256;
  const std::string place = "blobs/" + needed.substr(0, 2) + "/" + needed;
  std::filesystem::create_directories(folder_ / "store/trash/blobs");
  std::filesystem::rename(folder_ / ("store/" + place), folder_ / ("store/trash/blobs/" + needed));
  EXPECT_TRUE(holds(needed)) << "readers find it there";
  const auto report = collect_garbage(*workspace_, kAtOnce);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(holds(needed));
  EXPECT_TRUE(BlobStore(*workspace_).verify(needed));
  EXPECT_THAT(files_below(folder_ / "store/trash/blobs"), testing::IsEmpty());
}

TEST_F(Garbage, TakesNoNegativePeriods) {
  EXPECT_EQ(collect_garbage(*workspace_, {.grace_ns = -1}).error().code,
            StatusCode::kInvalidArgument);
  EXPECT_EQ(collect_garbage(*workspace_, {.retention_ns = -1}).error().code,
            StatusCode::kInvalidArgument);
}

// Every file looks a minute older than it is: what was just written counts as settled.
class OldFiles : public ObservedFiles {
 public:
  Result<FileInfo> stat(const std::string& path) override {
    auto info = ObservedFiles::stat(path);
    if (info) age(*info);
    return info;
  }
  Result<std::vector<FolderEntry>> scan(const std::string& path) override {
    auto entries = ObservedFiles::scan(path);
    if (!entries) return entries;
    for (FolderEntry& entry : *entries) age(entry.info);
    return entries;
  }

 protected:
  Status perform(const FileCall& call, Act act) override { return act(call); }

 private:
  static void age(FileInfo& info) {
    info.modified_ns -= int64_t{60} * 1'000'000'000;
    info.changed_ns -= int64_t{60} * 1'000'000'000;
  }
};

TEST_F(Garbage, IsPlannedAndThenCollectedWithoutReadingRunsAgain) {
  const std::string orphan = put("nobody needs this");
  reopen();
  OldFiles files;
  const auto workspace = *Workspace::open(folder_ / "store", &files);
  auto collection = GarbageCollection::create(*workspace, kAtOnce);
  ASSERT_TRUE(collection);
  const auto plan = collection->plan();
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->blobs, 1);
  EXPECT_EQ(collection->files_read(), 4);
  const auto report = collection->collect();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->blobs, 1);
  EXPECT_FALSE(holds(orphan));
  EXPECT_EQ(collection->files_read(), 4);
}

TEST_F(Garbage, ReadsFilesThatMayHaveChangedUnseenAgain) {
  reopen();
  ReferenceFinder finder(*workspace_);
  ASSERT_TRUE(finder.find());
  ASSERT_TRUE(finder.find());
  EXPECT_GT(finder.files_read(), 4) << "they were written less than two seconds ago";
}

// What is published between plan and collection is read, and so is a file that was replaced.
TEST_F(Garbage, IsNotWhatARunNamesSinceThePlan) {
  const std::string orphan = put("somebody needs this after all");
  const std::string other = put("and this");
  reopen();
  OldFiles files;
  const auto workspace = *Workspace::open(folder_ / "store", &files);
  auto collection = GarbageCollection::create(*workspace, kAtOnce);
  ASSERT_TRUE(collection);
  const auto plan = collection->plan();
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->blobs, 2);
  make_run("job", "", "somebody needs this after all");
  RunRecord record = *load_run(*workspace_, other_);
  record.artifacts.push_back({"b.txt", other, 8, "text/plain"});
  const std::string path = run_file_of(*workspace_, other_);
  spill(path + ".new", *run_file_image(record));
  std::filesystem::rename(path + ".new", path);
  reopen();
  const auto report = collection->collect();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->blobs, 0);
  EXPECT_TRUE(holds(orphan));
  EXPECT_TRUE(holds(other));
  EXPECT_EQ(collection->files_read(), 4 + 2);
}

TEST_F(Garbage, ReferencesOfARunAreFoundWhileItIsDeletedAndRestored) {
  ReferenceFinder finder(*workspace_);
  const auto all = finder.find();
  ASSERT_TRUE(all);
  ASSERT_TRUE(delete_run(*workspace_, other_));
  EXPECT_EQ(finder.find()->blobs.size(), all->blobs.size());
  ASSERT_TRUE(restore_run(*workspace_, other_));
  EXPECT_EQ(finder.find()->blobs.size(), all->blobs.size());
}

// Calls `at_rename` before a blob is moved to the trash, and `at_scan` before the trash of runs is
// listed for the last time after that.
class WatchedFiles final : public OldFiles {
 public:
  std::function<void()> at_rename;
  std::function<void()> at_scan;

  Result<std::vector<FolderEntry>> scan(const std::string& path) override {
    if (moved_ && path.ends_with("trash/runs") && ++scans_ == 2) at_scan();
    return OldFiles::scan(path);
  }

 protected:
  Status perform(const FileCall& call, Act act) override {
    const bool move = call.operation == FileOperation::kRename &&
                      call.path.find("trash/blobs") != std::string::npos;
    if (move && !std::exchange(moved_, true)) at_rename();
    return OldFiles::perform(call, act);
  }

 private:
  bool moved_ = false;
  int scans_ = 0;
};

// A writer pins the blob just before it is moved, and publishes a run that names it and lets go of
// the pin just after the run files were listed.
TEST_F(Garbage, IsNotWhatAWriterHeldWhileItWasMoved) {
  const std::string bytes = "named at the last moment";
  const std::string sha256 = put(bytes);
  reopen();
  ASSERT_TRUE(delete_run(*workspace_, trials_[0]));  // so that there is a trash of runs
  reopen();
  std::shared_ptr<Workspace> writer;
  std::unique_ptr<tracking::Run> run;
  WatchedFiles files;
  files.at_rename = [&] {
    writer = *Workspace::open(folder_ / "store");
    run = *Run::create(writer, {.kind = "job"});
    EXPECT_TRUE(run->log_artifact("a.txt", std::as_bytes(std::span(bytes)), "text/plain"));
  };
  files.at_scan = [&] {
    EXPECT_TRUE(run->finish(RunStatus::kCompleted));
    run.reset();
    writer.reset();
  };
  const auto workspace = *Workspace::open(folder_ / "store", &files);
  const auto report = collect_garbage(*workspace, {.grace_ns = 0});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->restored_blobs, 1);
  EXPECT_EQ(writer, nullptr) << "it let go meanwhile";
  EXPECT_TRUE(holds(sha256));
}

TEST(References, AreAllBlobsThatARunNames) {
  RunRecord run;
  run.info.run_id = "R";
  run.artifacts = {{"a", "1", 0, ""}};
  run.models = {{"m", 1, "2", 0, 1, ""}};
  run.source =
      SourceInfo{.manifest_sha256 = "3", .files = {{"f", 0, 0, "4"}}, .git_diff_sha256 = "5"};
  BlobReferences references;
  add_references(run, references);
  std::string all;
  for (const auto& [sha256, who] : references) all += sha256;
  EXPECT_EQ(all, "12345");
  EXPECT_EQ(references.at("1"), "run R");
}

}  // namespace
}  // namespace assay::tracking
