#include "tracking/workspace_check.h"

#include "tests/tracking/upkeep_fixture.h"
#include "tracking/catalog.h"
#include "tracking/run_trash.h"
#include "tracking/workspace_copy.h"

namespace assay::tracking {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class WorkspaceCheck : public UpkeepTest {
 protected:
  CheckReport check(bool thorough = true) {
    const auto report = check_workspace(*workspace_, stop_, {.thorough = thorough});
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : CheckReport();
  }
  // The path of the only file below the store whose path holds `part`.
  std::string file_with(const std::string& part) {
    std::string found;
    for (const std::string& path : files_below(folder_ / "store")) {
      if (path.find(part) != std::string::npos) found = folder_ / ("store/" + path);
    }
    EXPECT_FALSE(found.empty()) << part;
    return found;
  }
  StopToken stop_;
};

TEST_F(WorkspaceCheck, FindsNothingInAWholeOne) {
  ASSERT_TRUE(delete_run(*workspace_, other_));
  int64_t steps = 0;
  const auto report =
      check_workspace(*workspace_, stop_, {.progress = [&](int64_t done) { steps = done; }});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->problems, IsEmpty());
  EXPECT_EQ(report->runs, 4) << "one of them in the trash";
  EXPECT_EQ(report->blobs, 4);
  EXPECT_EQ(report->models, 1);
  EXPECT_GE(steps, 9);
}

TEST_F(WorkspaceCheck, NamesEachFileThatChanged) {
  const std::string run = file_with(other_ + ".h5");
  std::string bytes = slurp(run);
  bytes[bytes.size() / 3] ^= 1;
  spill(run, bytes);
  EXPECT_THAT(check().problems, ElementsAre(HasSubstr(other_)));
  EXPECT_THAT(check(false).problems, ElementsAre(HasSubstr(other_)));
}

TEST_F(WorkspaceCheck, NamesBlobsThatAreDamagedOrMissing) {
  const std::string sha256 = load_run(*workspace_, trials_[0])->artifacts[0].sha256;
  spill(file_with(sha256), "other bytes");
  EXPECT_THAT(check().problems, ElementsAre(HasSubstr(sha256)));
  EXPECT_TRUE(check(false).whole()) << "a quick check does not hash blobs";
  std::filesystem::remove(file_with(sha256));
  EXPECT_THAT(check().problems, ElementsAre(testing::AllOf(HasSubstr(sha256), HasSubstr("missing"),
                                                           HasSubstr(trials_[0]))));
  EXPECT_THAT(check(false).problems, ElementsAre(HasSubstr("missing")));
}

TEST_F(WorkspaceCheck, NamesEachModelRecordThatIsDamaged) {
  const std::string model = "other model bytes";
  ASSERT_TRUE(ModelRegistry(workspace_)
                  .register_model({.name = "credit"}, std::as_bytes(std::span(model))));
  spill(file_with("versions/1.json"), "{");
  EXPECT_THAT(check(false).problems, ElementsAre(HasSubstr("versions/1.json")));
}

TEST_F(WorkspaceCheck, SaysWhetherThereIsACatalog) {
  ASSERT_TRUE(Catalog(*workspace_).save());
  CheckReport report = check(false);
  EXPECT_TRUE(report.catalog_file);
  EXPECT_EQ(report.catalog_runs, 4);
  std::filesystem::remove(folder_ / "store/catalog.h5");
  make_run("job", "", "x");
  report = check(false);
  EXPECT_FALSE(report.catalog_file);
  EXPECT_TRUE(report.catalog_journal);
  EXPECT_TRUE(report.whole());
  spill(folder_ / "store/catalog.h5", "damaged");
  report = check(false);
  EXPECT_THAT(report.problems, IsEmpty()) << "it is a cache";
  EXPECT_FALSE(report.whole());
}

TEST_F(WorkspaceCheck, NamesRunsUnderAWrongName) {
  const std::string from = file_with(other_ + ".h5");
  std::filesystem::copy_file(from, file_with(sweep_ + ".h5"),
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(check().problems, testing::Contains(HasSubstr("holds run " + other_)));
}

TEST_F(WorkspaceCheck, StopsWhenAsked) {
  stop_.request();
  EXPECT_EQ(check_workspace(*workspace_, stop_).error().code, StatusCode::kCancelled);
}

using WorkspaceCopy = WorkspaceCheck;

TEST_F(WorkspaceCopy, HoldsTheSameRunsModelsAndBlobs) {
  const auto report = copy_workspace(*workspace_, folder_ / "copy/deep/", stop_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_GE(report->files, 9);
  const auto copy = Workspace::open(folder_ / "copy/deep");
  ASSERT_TRUE(copy) << copy.error().message;
  EXPECT_EQ((*copy)->display_name(), "shop");
  EXPECT_NE((*copy)->uuid(), workspace_->uuid());
  for (const char* part : {"runs", "blobs", "models"}) {
    const std::string one = folder_ / (std::string("store/") + part);
    const std::string two = folder_ / (std::string("copy/deep/") + part);
    ASSERT_EQ(files_below(one), files_below(two));
    for (const std::string& file : files_below(one)) {
      EXPECT_EQ(slurp(one + "/" + file), slurp(two + "/" + file)) << file;
    }
  }
  const auto checked = check_workspace(**copy, stop_);
  ASSERT_TRUE(checked);
  EXPECT_THAT(checked->problems, IsEmpty());
}

TEST_F(WorkspaceCopy, TellsWhatItHasNotOfLiveWriters) {
  const auto run = Run::create(workspace_, {});
  ASSERT_TRUE(run) << run.error().message;
  ASSERT_TRUE((*run)->durable());
  const auto reader = Workspace::open(folder_ / "store");
  ASSERT_TRUE(reader) << reader.error().message;
  const auto during = copy_workspace(**reader, folder_ / "during", stop_);
  ASSERT_TRUE(during) << during.error().message;
  EXPECT_EQ(during->runs_behind, 1);
  ASSERT_TRUE((*run)->finish(RunStatus::kCompleted));
  const auto after = copy_workspace(**reader, folder_ / "after", stop_);
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(after->runs_behind, 0);
  EXPECT_EQ(after->files, during->files + 1);
}

TEST_F(WorkspaceCopy, RefusesPlacesThatAreTakenOrInside) {
  std::filesystem::create_directories(folder_ / "full");
  spill(folder_ / "full/file", "mine");
  EXPECT_EQ(copy_workspace(*workspace_, folder_ / "full", stop_).error().code,
            StatusCode::kAlreadyExists);
  EXPECT_EQ(copy_workspace(*workspace_, folder_ / "store/inner", stop_).error().code,
            StatusCode::kInvalidArgument);
  EXPECT_EQ(copy_workspace(*workspace_, "", stop_).error().code, StatusCode::kInvalidArgument);
}

TEST_F(WorkspaceCopy, NeverCopiesDamage) {
  const std::string sha256 = load_run(*workspace_, other_)->artifacts[0].sha256;
  spill(file_with(sha256), "other bytes");
  const auto report = copy_workspace(*workspace_, folder_ / "copy", stop_);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, StatusCode::kData);
  EXPECT_THAT(report.error().message, HasSubstr(sha256));
  EXPECT_FALSE(Workspace::open(folder_ / "copy")) << "a copy that was cut short is no workspace";
}

}  // namespace
}  // namespace assay::tracking
