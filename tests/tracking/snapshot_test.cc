#include "tracking/snapshot.h"

#include <gtest/gtest.h>

#include <optional>

#include "tests/tracking/leak_check.h"
#include "tests/tracking/test_folder.h"
#include "tests/tracking/test_repository.h"
#include "tracking/blob_store.h"

namespace assay::tracking {
namespace {

class SnapshotTest : public testing::Test {
 protected:
  void SetUp() override {
    workspace_ = *Workspace::create(folder_ / "store", "a");
    std::filesystem::create_directories(folder_ / "code/configs");
    spill(folder_ / "code/configs/adult.yaml", "target: income\n");
  }
  SourceInfo take() {
    auto source = take_snapshot(*workspace_, {.config_path = folder_ / "code/configs/adult.yaml",
                                              .config_text = "target: income\n",
                                              .command_line = {"assay", "run"}});
    EXPECT_TRUE(source) << source.error().message;
    return source->source;
  }

  TestFolder folder_;
  std::shared_ptr<Workspace> workspace_;
};

TEST_F(SnapshotTest, WithoutARepositoryKeepsTheConfig) {
  const std::vector<std::string> before = files_below(folder_ / "code");
  const SourceInfo source = take();
  BlobStore blobs(*workspace_);
  EXPECT_EQ(source.config, "target: income\n");
  EXPECT_EQ(source.config_path, "adult.yaml");
  EXPECT_EQ(source.git_commit, "");
  EXPECT_FALSE(source.git_dirty);
  ASSERT_EQ(source.files.size(), 1U);
  EXPECT_EQ(*blobs.read(source.files[0].sha256), "target: income\n");
  const auto manifest = blobs.read(source.manifest_sha256);
  ASSERT_TRUE(manifest);
  EXPECT_NE(manifest->find("adult.yaml"), std::string::npos);
  EXPECT_EQ(manifest->find(folder_.path()), std::string::npos) << "no absolute path";
  EXPECT_EQ(files_below(folder_ / "code"), before) << "nothing is written to the user's folder";
}

TEST_F(SnapshotTest, OfACleanRepositoryHasCommitAndBranch) {
  TestRepository repository(folder_ / "code");
  const std::string commit = repository.commit("configs/adult.yaml");
  const SourceInfo source = take();
  EXPECT_EQ(source.git_commit, commit);
  EXPECT_EQ(source.git_branch, "main");
  EXPECT_FALSE(source.git_dirty);
  EXPECT_EQ(source.git_diff_sha256, "");
  EXPECT_EQ(source.git_note, "");
}

TEST_F(SnapshotTest, OfAConfigOutsideTheRepositoryAsksTheScripts) {
  std::filesystem::create_directories(folder_ / "scripts");
  spill(folder_ / "scripts/train.py", "print(1)\n");
  TestRepository scripts(folder_ / "scripts");
  const std::string commit = scripts.commit("train.py");
  SnapshotRequest request{.config_path = folder_ / "code/configs/adult.yaml",
                          .scripts = folder_ / "scripts"};
  EXPECT_EQ(take_snapshot(*workspace_, request)->source.git_commit, commit);
  TestRepository configs(folder_ / "code");
  const std::string own = configs.commit("configs/adult.yaml");
  ASSERT_NE(own, commit);
  EXPECT_EQ(take_snapshot(*workspace_, request)->source.git_commit, own) << "the config's first";
}

TEST_F(SnapshotTest, OfADirtyRepositoryKeepsTheDifference) {
  TestRepository repository(folder_ / "code");
  repository.commit("configs/adult.yaml");
  spill(folder_ / "code/configs/adult.yaml", "target: wage\n");
  const SourceInfo source = take();
  EXPECT_TRUE(source.git_dirty);
  const auto diff = BlobStore(*workspace_).read(source.git_diff_sha256);
  ASSERT_TRUE(diff) << diff.error().message;
  EXPECT_NE(diff->find("--- a/configs/adult.yaml\n"), std::string::npos) << *diff;
  EXPECT_NE(diff->find("\n-target: income\n+target: wage\n"), std::string::npos) << *diff;
}

TEST_F(SnapshotTest, UntrackedFilesDoNotMakeItDirty) {
  TestRepository repository(folder_ / "code");
  repository.commit("configs/adult.yaml");
  spill(folder_ / "code/notes.txt", "x");
  EXPECT_FALSE(take().git_dirty);
}

class SubmoduleTest : public SnapshotTest {
 protected:
  void SetUp() override {
    SnapshotTest::SetUp();
    std::filesystem::create_directories(folder_ / "code/vendor/lib");
    spill(folder_ / "code/vendor/lib/model.py", "depth = 3\n");
    outer_.emplace(folder_ / "code");
    inner_.emplace(folder_ / "code/vendor/lib");
    first_ = inner_->commit("model.py");
    spill(folder_ / "code/.gitmodules",
          "[submodule \"vendor/lib\"]\n\tpath = vendor/lib\n\turl = ../lib\n");
    outer_->commit({"configs/adult.yaml", ".gitmodules", "vendor/lib"});
  }
  std::string diff_of(const SourceInfo& source) {
    const auto diff = BlobStore(*workspace_).read(source.git_diff_sha256);
    return diff ? *diff : diff.error().message;
  }

  // libgit2's regular expressions lose 20 KB each time that it looks for submodules.
  const LibraryMayLeak libgit2_{};
  std::optional<TestRepository> outer_;
  std::optional<TestRepository> inner_;
  std::string first_;  // commit of the submodule
};

TEST_F(SubmoduleTest, IsCleanAsItWasCommitted) {
  const SourceInfo source = take();
  EXPECT_FALSE(source.git_dirty);
  EXPECT_EQ(source.git_note, "");
  spill(folder_ / "code/vendor/lib/notes.txt", "x");
  EXPECT_FALSE(take().git_dirty) << "untracked files count nowhere";
}

TEST_F(SubmoduleTest, WithChangedFilesIsDirtyAndNamed) {
  spill(folder_ / "code/vendor/lib/model.py", "depth = 4\n");
  const SourceInfo source = take();
  EXPECT_TRUE(source.git_dirty);
  const std::string diff = diff_of(source);
  EXPECT_NE(diff.find("vendor/lib"), std::string::npos) << diff;
  EXPECT_NE(diff.find(first_ + "-dirty"), std::string::npos) << diff;
  // Settings for people who commit do not hide what ran.
  spill(folder_ / "code/.git/config",
        slurp(folder_ / "code/.git/config") + "[submodule \"vendor/lib\"]\n\tignore = all\n");
  EXPECT_TRUE(take().git_dirty);
}

TEST_F(SubmoduleTest, OfAnotherCommitIsDirtyAndNamed) {
  spill(folder_ / "code/vendor/lib/model.py", "depth = 5\n");
  const std::string second = inner_->commit("model.py");
  const SourceInfo source = take();
  EXPECT_TRUE(source.git_dirty);
  const std::string diff = diff_of(source);
  EXPECT_NE(diff.find("+++ b/vendor/lib"), std::string::npos) << diff;
  EXPECT_NE(diff.find("-Subproject commit " + first_), std::string::npos) << diff;
  EXPECT_NE(diff.find("+Subproject commit " + second), std::string::npos) << diff;
}

// A clone without its submodules has an empty folder in the place of each.
TEST_F(SubmoduleTest, ThatIsNotThereIsNotDirty) {
  std::filesystem::remove_all(folder_ / "code/vendor/lib");
  std::filesystem::create_directories(folder_ / "code/vendor/lib");
  EXPECT_FALSE(take().git_dirty);
}

TEST_F(SnapshotTest, OfARepositoryWithoutCommitsSaysSo) {
  TestRepository repository(folder_ / "code");
  const SourceInfo source = take();
  EXPECT_EQ(source.git_commit, "");
  EXPECT_NE(source.git_note.find("no commit yet"), std::string::npos) << source.git_note;
}

TEST_F(SnapshotTest, OfABrokenRepositorySaysSo) {
  TestRepository repository(folder_ / "code");
  const std::string commit = repository.commit("configs/adult.yaml");
  std::filesystem::remove_all(folder_ / "code/.git/objects");
  std::filesystem::create_directories(folder_ / "code/.git/objects");
  const LibraryMayLeak libgit2;
  const SourceInfo source = take();
  EXPECT_EQ(source.git_commit, commit);
  EXPECT_NE(source.git_note, "");
}

TEST_F(SnapshotTest, StopsComparingWhenTold) {
  TestRepository repository(folder_ / "code");
  const std::string commit = repository.commit("configs/adult.yaml");
  spill(folder_ / "code/configs/adult.yaml", "target: wage\n");
  StopToken stop;
  stop.request();
  const GitState state = read_git_state(folder_ / "code", &stop);
  EXPECT_EQ(state.commit, commit);
  EXPECT_NE(state.note.find("no time"), std::string::npos) << state.note;
  EXPECT_EQ(state.diff, "");
}

TEST_F(SnapshotTest, ChildHoldsTheManifestsHashOnly) {
  const SourceInfo parent = take();
  const SourceInfo child = child_source(parent, "trees: 3\n");
  EXPECT_EQ(child.manifest_sha256, parent.manifest_sha256);
  EXPECT_TRUE(child.files.empty());
  EXPECT_EQ(child.config, "trees: 3\n");
}

TEST_F(SnapshotTest, WithoutAConfigFileStillHasAManifest) {
  const auto source = take_snapshot(
      *workspace_, {.command_line = {"assay", "run", "--data", "x.csv"}, .folder = folder_.path()});
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_TRUE(source->source.files.empty());
  EXPECT_NE(BlobStore(*workspace_).read(source->source.manifest_sha256)->find("x.csv"),
            std::string::npos);
}

}  // namespace
}  // namespace assay::tracking
