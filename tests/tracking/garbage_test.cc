#include "tracking/garbage.h"

#include "kernels/base/file_layer.h"
#include "tests/tracking/upkeep_fixture.h"
#include "tracking/blob_references.h"
#include "tracking/run_file.h"
#include "tracking/run_trash.h"

namespace assay::tracking {
namespace {

using testing::HasSubstr;

using Garbage = UpkeepTest;

constexpr GarbageOptions kAtOnce = {.grace_ns = 0, .retention_ns = 0};

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
  for (const auto& [sha256, who] : *references) EXPECT_TRUE(holds(sha256)) << who;
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

TEST_F(Garbage, IsNotCollectedWhileAnyRunFileIsDamaged) {
  const std::string orphan = put("nobody needs this");
  reopen();
  const std::string path = run_file_of(*workspace_, other_);
  const std::string whole = slurp(path);
  spill(path, whole.substr(0, whole.size() / 2));
  const auto report = collect_garbage(*workspace_, kAtOnce);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, StatusCode::kData);
  EXPECT_THAT(report.error().message, HasSubstr(other_));
  EXPECT_TRUE(holds(orphan));
}

TEST_F(Garbage, IsPutBackWhereACollectionWasKilled) {
  const std::string needed = load_run(*workspace_, other_)->artifacts[0].sha256;
  const std::string place = "blobs/" + needed.substr(0, 2) + "/" + needed;
  std::filesystem::create_directories(folder_ / "store/trash/blobs");
  std::filesystem::rename(folder_ / ("store/" + place), folder_ / ("store/trash/blobs/" + needed));
  ASSERT_FALSE(holds(needed));
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
