// Which files of a scripts folder a snapshot keeps.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "tests/tracking/test_folder.h"
#include "tests/tracking/test_repository.h"
#include "tracking/source_tree_internal.h"
#include "tracking/workspace.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

class SourceTreeTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "empty");
    fs::create_directories(folder_ / "code");
  }
  void put(const std::string& path, const std::string& text = "x") {
    fs::create_directories(fs::path(folder_ / ("code/" + path)).parent_path());
    spill(folder_ / ("code/" + path), text);
  }
  TreeRequest request(const std::string& folder) {
    TreeRequest request;
    request.folder = folder;
    request.workspace = folder_ / "store";
    request.empty_folder = folder_ / "empty";
    request.max_bytes = 1'000'000;
    request.max_files = 100;
    return request;
  }
  Result<SourceTree> read(const std::string& folder) { return read_source_tree(request(folder)); }
  std::vector<std::string> paths(const std::string& below = "code") {
    const auto tree = read(folder_ / below);
    EXPECT_TRUE(tree) << tree.error().message;
    std::vector<std::string> paths;
    if (!tree) return paths;
    for (const TreeFile& file : tree->files) paths.push_back(file.path);
    kind_ = tree->ignore_kind;
    return paths;
  }
  using Paths = std::vector<std::string>;

  TestFolder folder_;
  std::string kind_;
};

TEST_F(SourceTreeTest, TakesEverythingWithoutRules) {
  put("b.py");
  put("a/c.py");
  put(".hidden");
  fs::create_directories(folder_ / "code/nothing");
  EXPECT_EQ(paths(), (Paths{".hidden", "a/c.py", "b.py"}));
  EXPECT_EQ(kind_, ".gitignore");
}

TEST_F(SourceTreeTest, FollowsGitignoreFilesOfEveryFolder) {
  put(".gitignore", "*.log\n/build/\ndata/*\n!data/keep.csv\nonly_file\n# comment\n\\#odd\n");
  put("a.log");
  put("sub/b.log");
  put("build/x");
  put("sub/build/x");
  put("data/big.csv");
  put("data/keep.csv");
  put("#odd");
  put("sub/.gitignore", "!b.log\nlocal*\n");
  put("sub/local1");
  put("local2");
  put("only_file/inside");
  EXPECT_EQ(paths(), (Paths{".gitignore", "data/keep.csv", "local2", "sub/.gitignore", "sub/b.log",
                            "sub/build/x"}));
}

TEST_F(SourceTreeTest, APatternThatEndsInABackslashIsNone) {
  put(".gitignore", "*.tmp\\\nb.log\nc\\\\\n");
  put("a.tmp");
  put("b.log");
  put("c\\");
  EXPECT_EQ(paths(), (Paths{".gitignore", "a.tmp"}));
}

TEST_F(SourceTreeTest, AByteOrderMarkIsNoPartOfTheFirstPattern) {
  put(".gitignore", "\xEF\xBB\xBFsecret.env\n");
  put("secret.env");
  put("a/secret.env");
  EXPECT_EQ(paths(), (Paths{".gitignore"}));
  fs::remove(folder_ / "code/.gitignore");
  put(".amlignore", "\xEF\xBB\xBFsecret.env\n");
  EXPECT_EQ(paths(), (Paths{".amlignore"}));
}

TEST_F(SourceTreeTest, ATabAtTheEndOfAPatternCounts) {
  put(".gitignore", "b.txt\t\nc.txt \t\nd.txt\t \ne.txt\t\r\n");
  for (const char* name : {"b", "c", "d", "e"}) put(std::string(name) + ".txt");
  for (const char* name : {"b.txt\t", "c.txt \t", "d.txt\t", "e.txt\t"}) put(name);
  EXPECT_EQ(paths(), (Paths{".gitignore", "b.txt", "c.txt", "d.txt", "e.txt"}));
}

TEST_F(SourceTreeTest, AFileInAnIgnoredFolderCannotComeBack) {
  put(".gitignore", "out/\n!out/keep\n");
  put("out/keep");
  put("x");
  EXPECT_EQ(paths(), (Paths{".gitignore", "x"}));
}

TEST_F(SourceTreeTest, AFolderThatComesBackBringsItsFiles) {
  put(".gitignore", "data\n");
  put("a/.gitignore", "!*/\n");
  put("a/data/x");
  put("data/y");
  EXPECT_EQ(paths(), (Paths{".gitignore", "a/.gitignore", "a/data/x"}));
}

TEST_F(SourceTreeTest, InAnIgnoredFolderOnlyWhatIsTrackedStays) {
  put(".gitignore", "out/\n");
  put("out/.gitignore", "!*.py\n");
  put("out/deep/kept.py");
  put("out/deep/other.py");
  const TestRepository repository(folder_ / "code");
  repository.commit("out/deep/kept.py");
  EXPECT_EQ(paths(), (Paths{".gitignore", "out/deep/kept.py"}));
}

// Checked with git 2.39: `git ls-files --others --exclude-standard` lists the same.
TEST_F(SourceTreeTest, TheDeepestRuleThatSaysAnythingDecides) {
  put(".gitignore", "*.log\n!/top.log\nsecret/\n*.bin\n");
  put("top.log");
  put("a/.gitignore", "!kept.log\n!deep/one.bin\n");
  put("a/kept.log");
  put("a/other.log");
  put("a/deep/one.bin");
  put("a/deep/two.bin");
  put("a/b/.gitignore", "kept.log\n");
  put("a/b/kept.log");
  put("a/b/c/kept.log");
  put("a/secret/x");
  put("a/deep/.gitignore", "!two.bin\nonly/\n");
  put("a/deep/only", "a file: the rule is about folders");
  const Paths expected = {".gitignore",        "a/.gitignore",   "a/b/.gitignore",
                          "a/deep/.gitignore", "a/deep/one.bin", "a/deep/only",
                          "a/deep/two.bin",    "a/kept.log",     "top.log"};
  EXPECT_EQ(paths(), expected);
  const TestRepository repository(folder_ / "code");
  EXPECT_EQ(paths(), expected);
  EXPECT_EQ(kind_, "git");
}

TEST_F(SourceTreeTest, AmlignoreReplacesGitignore) {
  put(".gitignore", "*.py\n");
  put("sub/.gitignore", "*\n");
  put(".amlignore", "*.csv\n!keep.csv\ncache/\n**/deep/*.tmp\n");
  put("a.py");
  put("a.csv");
  put("keep.csv");
  put("sub/b.py");
  put("sub/cache/x");
  put("sub/deep/y.tmp");
  put("sub/deep/y.py");
  EXPECT_EQ(paths(), (Paths{".amlignore", ".gitignore", "a.py", "keep.csv", "sub/.gitignore",
                            "sub/b.py", "sub/deep/y.py"}));
  EXPECT_EQ(kind_, ".amlignore");
}

TEST_F(SourceTreeTest, InARepositoryTakesWhatGitTakes) {
  put("repo/.gitignore", "*.log\n/scripts/gen/\n");
  put("repo/scripts/train.py");
  put("repo/scripts/a.log");
  put("repo/scripts/forced.log");
  put("repo/scripts/gen/x");
  put("repo/scripts/secret");
  const std::vector<std::string> before = files_below(folder_ / "code/repo/scripts");
  const TestRepository repository(folder_ / "code/repo");
  repository.commit("scripts/forced.log");
  fs::create_directories(folder_ / "code/repo/.git/info");
  spill(folder_ / "code/repo/.git/info/exclude", "secret\n");
  EXPECT_EQ(paths("code/repo/scripts"), (Paths{"forced.log", "train.py"}));
  EXPECT_EQ(kind_, "git");
  EXPECT_EQ(files_below(folder_ / "code/repo/scripts"), before) << "nothing is written";
  EXPECT_EQ(paths("code/repo"), (Paths{".gitignore", "scripts/forced.log", "scripts/train.py"}));
}

TEST_F(SourceTreeTest, AFolderThatGitIgnoresGoesByItsOwnRules) {
  put("repo/.gitignore", "generated/\n*.py\n");
  put("repo/generated/.gitignore", "*.tmp\n");
  put("repo/generated/train.py");
  put("repo/generated/x.tmp");
  const TestRepository repository(folder_ / "code/repo");
  EXPECT_EQ(paths("code/repo/generated"), (Paths{".gitignore", "train.py"}));
  EXPECT_EQ(kind_, ".gitignore");
}

TEST_F(SourceTreeTest, LeavesOutRepositoriesAndWorkspaces) {
  put("a.py");
  put("vendor/.git/config");
  put("vendor/lib.py");
  put("worktree/.git", "gitdir: elsewhere\n");
  put("sub/.assay/WORKSPACE", "{}");
  put("sub/.assay/runs/x");
  put("other/.assay/notes");
  put("bazel/WORKSPACE", "workspace(name = 'demo')");
  ASSERT_TRUE(Workspace::create(folder_ / "code/experiments", "shop"));
  fs::create_directories(folder_ / "store");
  fs::create_directory_symlink(folder_ / "store", folder_ / "code/link");
  EXPECT_EQ(paths(),
            (Paths{"a.py", "bazel/WORKSPACE", "link", "other/.assay/notes", "vendor/lib.py"}))
      << "a file of this name alone makes no workspace";
  TreeRequest inside = request(folder_ / "code");
  inside.workspace = folder_ / "code/other";
  EXPECT_EQ(read_source_tree(inside)->files.size(), 4U);
}

TEST_F(SourceTreeTest, KeepsLinksAsLinksAndModesOfPrograms) {
  put("run.sh");
  ASSERT_EQ(::chmod((folder_ / "code/run.sh").c_str(), 0755), 0);
  put("sub/a.py", "12345");
  fs::create_symlink("sub/a.py", folder_ / "code/near");
  fs::create_symlink("../../outside", folder_ / "code/sub/far");
  fs::create_directory_symlink("..", folder_ / "code/sub/loop");
  fs::create_symlink("/etc/passwd", folder_ / "code/absolute");
  fs::create_symlink("nowhere", folder_ / "code/dangling");
  const auto tree = read(folder_ / "code");
  ASSERT_TRUE(tree) << tree.error().message;
  std::map<std::string, TreeFile> files;
  for (const TreeFile& file : tree->files) files[file.path] = file;
  EXPECT_EQ(files.size(), 7U);
  EXPECT_EQ(files["run.sh"].mode, kProgramMode);
  EXPECT_EQ(files["sub/a.py"].mode, kPlainMode);
  EXPECT_EQ(files["sub/a.py"].size, 5);
  EXPECT_EQ(files["near"].mode, kLinkMode);
  EXPECT_EQ(files["near"].link, "sub/a.py");
  EXPECT_EQ(files["sub/loop"].link, "..");
  ASSERT_EQ(tree->notes.size(), 1U);
  EXPECT_NE(tree->notes[0].find("2 symbolic links point out"), std::string::npos);
}

TEST_F(SourceTreeTest, LeavesOutWhatIsNoFileAndSaysSo) {
  put("a.py");
  ASSERT_EQ(::mkfifo((folder_ / "code/pipe").c_str(), 0600), 0);
  put("bad\xff");
  const auto tree = read(folder_ / "code");
  ASSERT_TRUE(tree);
  EXPECT_EQ(tree->files.size(), 1U);
  EXPECT_EQ(tree->notes.size(), 2U);
  EXPECT_NE(tree->notes[0].find("1 special file left out"), std::string::npos) << tree->notes[0];
}

TEST_F(SourceTreeTest, NamesTheLargestWhenItIsTooMuch) {
  put("data/big.csv", std::string(900'000, 'x'));
  put("data/more/second.csv", std::string(200'000, 'x'));
  put("small.py");
  const auto tree = read(folder_ / "code");
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().code, StatusCode::kInvalidArgument);
  const std::string& message = tree.error().message;
  for (const char* part : {"3 files with 1.1 MB", "at most 100 files, 1.0 MB",
                           "data/ (1.1 MB, 2 files), data/more/ (0.2 MB, 1 file)",
                           "data/big.csv (0.9 MB), data/more/second.csv", "/code/.amlignore"}) {
    EXPECT_NE(message.find(part), std::string::npos) << part << "\n" << message;
  }
  put(".amlignore", "big.csv\n");
  EXPECT_TRUE(read(folder_ / "code"));
}

TEST_F(SourceTreeTest, NamesFoldersWithManyFiles) {
  for (int i = 0; i < 120; ++i) put(fmt::format("notes/{}.txt", i));
  put("few/large", std::string(5'000, 'x'));
  const auto tree = read(folder_ / "code");
  ASSERT_FALSE(tree);
  EXPECT_NE(tree.error().message.find("Largest folders: notes/ (0.0 MB, 120 files), few/"),
            std::string::npos)
      << tree.error().message;
  TreeRequest enough = request(folder_ / "code");
  enough.max_files = 121;
  EXPECT_TRUE(read_source_tree(enough)) << "the limit itself is allowed";
}

TEST_F(SourceTreeTest, RefusesWhatIsNoFolderAndStops) {
  put("a.py");
  EXPECT_EQ(read(folder_ / "none").error().code, StatusCode::kNotFound);
  EXPECT_EQ(read(folder_ / "code/a.py").error().code, StatusCode::kNotFound);
  fs::create_directories(folder_ / "store/blobs");
  EXPECT_EQ(read(folder_ / "store").error().code, StatusCode::kInvalidArgument);
  EXPECT_EQ(read(folder_ / "store/blobs").error().code, StatusCode::kInvalidArgument);
  StopToken stop;
  stop.request();
  TreeRequest stopped = request(folder_ / "code");
  stopped.stop = &stop;
  EXPECT_EQ(read_source_tree(stopped).error().code, StatusCode::kCancelled);
  put(".amlignore", std::string(2 << 20, '#'));
  EXPECT_EQ(read(folder_ / "code").error().code, StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace assay::tracking
