// From a scripts folder to blobs and back.
#include "tracking/source_restore.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/tracking/test_folder.h"
#include "tracking/blob_store.h"
#include "tracking/records_internal.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

class SourceRestoreTest : public testing::Test {
 protected:
  void SetUp() override { workspace_ = *Workspace::create(folder_ / "store", "a"); }
  void put(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(folder_ / path).parent_path());
    spill(folder_ / path, text);
  }
  // The record of a sweep of `code/exp.yaml` with the scripts folder.
  RunRecord snapshot(const std::string& scripts) {
    auto taken = take_snapshot(*workspace_, {.config_path = folder_ / "code/exp.yaml",
                                             .config_text = "a: 1\n",
                                             .command_line = {"assay", "run"},
                                             .scripts = folder_ / scripts});
    EXPECT_TRUE(taken) << taken.error().message;
    RunRecord record;
    record.info.run_id = "01HZY0J8Q0ABCDEFGHJKMNPQRS";
    record.source = taken->source;
    return record;
  }
  Result<RestoreReport> restore(const RunRecord& record, bool force = false) {
    const auto manifest = read_manifest(*workspace_, record);
    EXPECT_TRUE(manifest) << manifest.error().message;
    return restore_source(*workspace_, *manifest, {folder_ / "out", force});
  }
  SourceFile blob(const std::string& path, const std::string& text, uint32_t mode = 0100644) {
    const BlobRef ref = *BlobStore(*workspace_).put(text);
    return {path, mode, ref.size, ref.sha256};
  }
  static bool runs(const std::string& path) {
    return (fs::status(path).permissions() & fs::perms::owner_exec) != fs::perms::none;
  }

  TestFolder folder_;
  std::shared_ptr<Workspace> workspace_;
};

TEST_F(SourceRestoreTest, GivesTheSameTreeBack) {
  put("code/exp.yaml", "a: 1\n");
  put("code/src/train.py", "print(1)\n");
  put("code/src/lib/größe.bin", std::string("\0\xff\n", 3));
  put("code/src/empty", "");
  put("code/src/run.sh", "#!/bin/sh\n");
  ::chmod((folder_ / "code/src/run.sh").c_str(), 0755);
  fs::create_symlink("lib/größe.bin", folder_ / "code/src/link");
  const RunRecord record = snapshot("code/src");
  EXPECT_EQ(record.source->files.size(), 6U);
  const auto report = restore(record);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->written, 6);
  EXPECT_TRUE(report->left_out.empty());
  for (const char* path :
       {"exp.yaml", "src/train.py", "src/lib/größe.bin", "src/empty", "src/run.sh", "src/link"}) {
    EXPECT_EQ(slurp(folder_ / ("out/" + std::string(path))),
              slurp(folder_ / ("code/" + std::string(path))))
        << path;
  }
  EXPECT_TRUE(runs(folder_ / "out/src/run.sh"));
  EXPECT_FALSE(runs(folder_ / "out/src/train.py"));
  EXPECT_EQ(fs::read_symlink(folder_ / "out/src/link"), "lib/größe.bin");
  EXPECT_EQ(files_below(folder_ / "out").size(), 6U) << "and nothing else";
  const auto again = restore(record);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->unchanged, 6);
  EXPECT_EQ(again->written, 0);
}

TEST_F(SourceRestoreTest, ATrialFindsTheSweepsFiles) {
  put("code/src/train.py", "x");
  RunRecord record = snapshot("code/src");
  record.source = child_source(*record.source, "trees: 3\n");
  EXPECT_TRUE(record.source->files.empty());
  EXPECT_EQ(restore(record)->written, 2);
}

TEST_F(SourceRestoreTest, PlacesScriptsWhereTheConfigExpectsThem) {
  put("code/exp.yaml", "changed meanwhile");
  put("code/train.py", "x");
  put("elsewhere/lib/a.py", "y");
  EXPECT_EQ(read_manifest(*workspace_, snapshot("code"))->files[1].path, "train.py");
  EXPECT_EQ(*BlobStore(*workspace_).read(snapshot("code").source->files[0].sha256), "a: 1\n")
      << "the config that was used";
  EXPECT_EQ(snapshot("elsewhere").source->files[1].path, "elsewhere/lib/a.py");
  const auto bare = take_snapshot(*workspace_, {.scripts = folder_ / "elsewhere"});
  EXPECT_EQ(bare->source.files[0].path, "lib/a.py");
}

TEST_F(SourceRestoreTest, RefusesToReplaceWhatDiffers) {
  put("code/src/a.py", "a");
  put("code/src/b.py", "b");
  const RunRecord record = snapshot("code/src");
  put("out/src/a.py", "mine");
  put("out/other", "mine too");
  const auto refused = restore(record);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, StatusCode::kAlreadyExists);
  EXPECT_NE(refused.error().message.find("src/a.py"), std::string::npos);
  EXPECT_EQ(slurp(folder_ / "out/src/a.py"), "mine");
  EXPECT_FALSE(fs::exists(folder_ / "out/src/b.py")) << "nothing was written";
  const auto forced = restore(record, true);
  ASSERT_TRUE(forced) << forced.error().message;
  EXPECT_EQ(slurp(folder_ / "out/src/a.py"), "a");
  EXPECT_EQ(slurp(folder_ / "out/other"), "mine too");
}

TEST_F(SourceRestoreTest, NeverWritesOutsideTheFolder) {
  for (const char* path : {"../x", "/tmp/assay-x", "a/../../x", "a//b", "./a", "", "a/",
                           ".git/hooks/post-checkout", "sub/.GIT/config", ".."}) {
    SourceManifest manifest;
    manifest.files = {blob("good", "x"), blob(path, "evil")};
    const auto report = restore_source(*workspace_, manifest, {folder_ / "out", true});
    ASSERT_FALSE(report) << path;
    EXPECT_EQ(report.error().code, StatusCode::kData) << report.error().message;
    EXPECT_FALSE(fs::exists(folder_ / "out/good")) << path;
  }
  EXPECT_FALSE(check_inside("x", std::string("a\0b", 3)));
  EXPECT_FALSE(check_inside("x", std::string(300, 'a')));
  EXPECT_TRUE(check_inside("x", "a/..b/.gitignore"));
}

TEST_F(SourceRestoreTest, NeverWritesThroughALink) {
  fs::create_directories(folder_ / "victim");
  fs::create_directories(folder_ / "out");
  fs::create_directory_symlink(folder_ / "victim", folder_ / "out/src");
  SourceManifest manifest;
  manifest.files = {blob("src/a.py", "x")};
  const auto through = restore_source(*workspace_, manifest, {folder_ / "out", true});
  EXPECT_EQ(through.error().code, StatusCode::kAlreadyExists) << through.error().message;
  EXPECT_TRUE(fs::is_empty(folder_ / "victim"));
  // A link and a file below it in one manifest.
  manifest.files = {blob("evil", folder_ / "victim", 0120000), blob("evil/a", "x")};
  EXPECT_EQ(restore_source(*workspace_, manifest, {folder_ / "fresh", true}).error().code,
            StatusCode::kData);
  EXPECT_TRUE(fs::is_empty(folder_ / "victim"));
  // A link in the place of a file is replaced, not followed.
  spill(folder_ / "victim/file", "old");
  fs::create_symlink(folder_ / "victim/file", folder_ / "out/b.py");
  manifest.files = {blob("b.py", "new")};
  EXPECT_FALSE(restore_source(*workspace_, manifest, {folder_ / "out", false}));
  ASSERT_TRUE(restore_source(*workspace_, manifest, {folder_ / "out", true}));
  EXPECT_EQ(slurp(folder_ / "victim/file"), "old");
  EXPECT_EQ(slurp(folder_ / "out/b.py"), "new");
}

TEST_F(SourceRestoreTest, LinksThatLeadOutAreLeftOutAndNamed) {
  SourceManifest manifest;
  manifest.files = {blob("a/up", "../../secret", 0120000), blob("abs", "/etc/passwd", 0120000),
                    blob("a/fine", "../b", 0120000), blob("b", "x")};
  const auto report = restore_source(*workspace_, manifest, {folder_ / "out", false});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->left_out.size(), 2U);
  EXPECT_EQ(slurp(folder_ / "out/a/fine"), "x");
  EXPECT_FALSE(fs::is_symlink(folder_ / "out/abs"));
}

TEST_F(SourceRestoreTest, DamagedAndMissingBlobsWriteNothing) {
  SourceManifest manifest;
  manifest.files = {blob("a", "first"), blob("b", "second")};
  const std::string path = *BlobStore(*workspace_).path_of(manifest.files[1].sha256);
  spill(path, "sXcond");
  EXPECT_EQ(restore_source(*workspace_, manifest, {folder_ / "out", false}).error().code,
            StatusCode::kData);
  EXPECT_FALSE(fs::exists(folder_ / "out/a"));
  fs::remove(path);
  EXPECT_EQ(restore_source(*workspace_, manifest, {folder_ / "out", false}).error().code,
            StatusCode::kData);
  manifest.files[1].sha256 = "../../etc/passwd";
  EXPECT_EQ(restore_source(*workspace_, manifest, {folder_ / "out", false}).error().code,
            StatusCode::kInvalidArgument);
  EXPECT_FALSE(fs::exists(folder_ / "out/a"));
}

TEST_F(SourceRestoreTest, CollidingPathsAreDamage) {
  SourceManifest manifest;
  manifest.files = {blob("a", "1"), blob("a", "2")};
  EXPECT_EQ(restore_source(*workspace_, manifest, {folder_ / "out", false}).error().code,
            StatusCode::kData);
  fs::create_directories(folder_ / "out/a");
  manifest.files = {blob("a", "1")};
  EXPECT_EQ(restore_source(*workspace_, manifest, {folder_ / "out", true}).error().code,
            StatusCode::kAlreadyExists);
}

TEST_F(SourceRestoreTest, ADamagedManifestIsNamed) {
  put("code/a.py", "x");
  RunRecord record = snapshot("code");
  for (const char* text : {"{}", "[]", "{\"manifest_version\": 99}", "x"}) {
    record.source->manifest_sha256 = BlobStore(*workspace_).put(std::string_view(text))->sha256;
    const auto manifest = read_manifest(*workspace_, record);
    ASSERT_FALSE(manifest);
    EXPECT_EQ(manifest.error().code, StatusCode::kData);
    EXPECT_NE(manifest.error().message.find(record.source->manifest_sha256), std::string::npos);
  }
  record.source.reset();
  EXPECT_EQ(read_manifest(*workspace_, record).error().code, StatusCode::kNotFound);
}

}  // namespace
}  // namespace assay::tracking
