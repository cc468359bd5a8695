#include "tracking/workspace.h"

#include <gtest/gtest.h>

#include <span>
#include <thread>
#include <vector>

#include "tests/tracking/failing_files.h"
#include "tests/tracking/test_folder.h"
#include "tracking/run.h"
#include "tracking/run_query.h"

namespace assay::tracking {
namespace {

namespace fs = std::filesystem;

TEST(Workspace, IsCreatedAndOpened) {
  const TestFolder folder;
  const auto made = Workspace::create(folder / "store", "Fraud-Team");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ((*made)->display_name(), "Fraud-Team");
  for (const char* part : {"runs", "blobs", "models", "datasets", "writers"}) {
    EXPECT_TRUE(fs::is_directory(folder / "store/" + part)) << part;
  }
  const auto opened = Workspace::open(folder / "store");
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ((*opened)->uuid(), (*made)->uuid());
  EXPECT_EQ((*opened)->display_name(), "Fraud-Team");
}

TEST(Workspace, CreatedAgainIsTheSame) {
  const TestFolder folder;
  const auto first = Workspace::create(folder / "store", "a");
  const auto second = Workspace::create(folder / "store", "b");
  ASSERT_TRUE(first && second);
  EXPECT_EQ((*first)->uuid(), (*second)->uuid());
  EXPECT_EQ((*second)->display_name(), "a");
}

TEST(Workspace, CreatedByManyAtOnceIsOne) {
  const TestFolder folder;
  std::vector<std::string> ids(8);
  std::vector<std::thread> threads;
  for (std::string& id : ids) {
    threads.emplace_back([&] {
      const auto made = Workspace::create(folder / "store", "a");
      id = made ? (*made)->uuid() : made.error().message;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& id : ids) EXPECT_EQ(id, ids[0]);
  EXPECT_EQ(files_below(folder / "store"), std::vector<std::string>{"WORKSPACE"});
}

TEST(Workspace, RefusesAFolderWithOtherThings) {
  const TestFolder folder;
  spill(folder / "thesis.tex", "text");
  const auto made = Workspace::create(folder.path(), "a");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, StatusCode::kAlreadyExists);
  EXPECT_NE(made.error().message.find("thesis.tex"), std::string::npos);
  EXPECT_EQ(files_below(folder.path()), std::vector<std::string>{"thesis.tex"});
}

TEST(Workspace, RefusesABadName) {
  const TestFolder folder;
  const auto made = Workspace::create(folder / "store", "no spaces");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, StatusCode::kInvalidArgument);
  EXPECT_FALSE(fs::exists(folder / "store"));
}

TEST(Workspace, OfANewerFormatSaysSo) {
  const TestFolder folder;
  ASSERT_TRUE(Workspace::create(folder / "store", "a"));
  spill(folder / "store/WORKSPACE", R"({"format": 2, "shape": "unknown"})");
  const auto opened = Workspace::open(folder / "store");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, StatusCode::kData);
  EXPECT_NE(opened.error().message.find("newer"), std::string::npos) << opened.error().message;
}

TEST(Workspace, ThatIsDamagedSaysWhere) {
  const TestFolder folder;
  ASSERT_TRUE(Workspace::create(folder / "store", "a"));
  for (const char* text : {"", "{", "[]", R"({"format": "one"})", R"({"format": 1})", "\xff\xfe"}) {
    spill(folder / "store/WORKSPACE", text);
    const auto opened = Workspace::open(folder / "store");
    ASSERT_FALSE(opened) << text;
    EXPECT_EQ(opened.error().code, StatusCode::kData) << text;
    EXPECT_NE(opened.error().message.find("WORKSPACE"), std::string::npos);
  }
}

TEST(Workspace, IsDiscoveredUpward) {
  const TestFolder folder;
  fs::create_directories(folder / "project/deep/er");
  const auto made = Workspace::create(folder / "project/.assay", "a");
  ASSERT_TRUE(made);
  const auto found = Workspace::discover({.start_folder = folder / "project/deep/er"});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ((*found)->uuid(), (*made)->uuid());
}

TEST(Workspace, PrefersTheFlagThenTheEnvironment) {
  const TestFolder folder;
  const auto flag = Workspace::create(folder / "flag", "flag");
  const auto environment = Workspace::create(folder / "environment", "environment");
  const auto upward = Workspace::create(folder / ".assay", "upward");
  ASSERT_TRUE(flag && environment && upward);
  WorkspaceSearch search{.explicit_path = folder / "flag",
                         .environment_value = folder / "environment",
                         .start_folder = folder.path()};
  EXPECT_EQ((*Workspace::discover(search))->display_name(), "flag");
  search.explicit_path.clear();
  EXPECT_EQ((*Workspace::discover(search))->display_name(), "environment");
  search.environment_value.clear();
  EXPECT_EQ((*Workspace::discover(search))->display_name(), "upward");
}

TEST(Workspace, IsFoundThroughTheFolderThatHoldsIt) {
  const TestFolder folder;
  const auto made = Workspace::create(folder / ".assay", "a");
  const auto found = Workspace::discover({.explicit_path = folder.path()});
  ASSERT_TRUE(made && found);
  EXPECT_EQ((*found)->uuid(), (*made)->uuid());
}

TEST(Workspace, IsMadeHereWhenThereIsNone) {
  const TestFolder folder;
  fs::create_directories(folder / "My Project (2)");
  WorkspaceSearch search{.start_folder = folder / "My Project (2)", .create = false};
  const auto none = Workspace::discover(search);
  // The temporary folder itself must not lie in a workspace for this test to mean anything.
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, StatusCode::kNotFound);
  EXPECT_FALSE(fs::exists(folder / "My Project (2)/.assay"));
  search.create = true;
  const auto made = Workspace::discover(search);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ((*made)->path(), folder / "My Project (2)/.assay");
  EXPECT_EQ((*made)->display_name(), "My-Project--2-");
}

TEST(Workspace, HoldsNoAbsolutePathAndCanMove) {
  const TestFolder folder;
  std::string run_id;
  {
    const auto workspace = Workspace::create(folder / "here", "a");
    ASSERT_TRUE(workspace);
    const auto run = Run::create(*workspace, {.name = "first"});
    ASSERT_TRUE(run);
    run_id = (*run)->id();
    ASSERT_TRUE((*run)->finish(RunStatus::kCompleted));
  }
  for (const std::string& path : files_below(folder / "here")) {
    EXPECT_EQ(slurp(folder / "here/" + path).find(folder.path()), std::string::npos) << path;
  }
  fs::rename(folder / "here", folder / "there");
  const auto moved = Workspace::open(folder / "there");
  ASSERT_TRUE(moved);
  const auto found = find_run(**moved, "first");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->run_id, run_id);
}

TEST(Workspace, MovedUnderARunLeavesNothingBehindAndSaysSo) {
  const TestFolder folder;
  std::string id;
  {
    const auto workspace = Workspace::create(folder / "store", "a");
    const auto run = Run::create(*workspace, {.name = "moved"});
    ASSERT_TRUE(run);
    id = (*run)->id();
    ASSERT_TRUE((*run)->log_metric("loss", 1.0, 1));
    ASSERT_TRUE((*run)->durable());
    fs::rename(folder / "store", folder / "elsewhere");
    ASSERT_TRUE((*run)->log_metric("loss", 2.0, 2));
    const Status lost = (*run)->durable();
    ASSERT_FALSE(lost);
    EXPECT_NE(lost.error().message.find("'" + (folder / "store") + "' is gone: it was moved"),
              std::string::npos)
        << lost.error().message;
    const std::string text = "bytes";
    EXPECT_FALSE((*run)->log_artifact("a.txt", std::as_bytes(std::span(text)), "text/plain"));
    EXPECT_FALSE((*run)->checkpoint());
    EXPECT_FALSE((*run)->finish(RunStatus::kCompleted));
    EXPECT_FALSE((*workspace)->ensure_folder("runs/aa"));
    EXPECT_FALSE(Run::create(*workspace, {.name = "more"}));
  }
  EXPECT_FALSE(fs::exists(folder / "store"));
  // Who had it open and had written nothing makes nothing either.
  fs::rename(folder / "elsewhere", folder / "store");
  const auto reader = Workspace::open(folder / "store");
  fs::rename(folder / "store", folder / "elsewhere");
  const auto late = Run::create(*reader, {.name = "late"});
  ASSERT_FALSE(late);
  EXPECT_FALSE(fs::exists(folder / "store"));
  const auto moved = Workspace::open(folder / "elsewhere");
  ASSERT_TRUE(moved);
  const auto record = load_run(**moved, id);
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_GE(record->metrics.at("loss").size(), 1U);
}

TEST(Workspace, ThatCannotBeWrittenStillReads) {
  const TestFolder folder;
  FailingFiles files;
  {
    const auto workspace = Workspace::create(folder / "store", "a");
    ASSERT_TRUE((*Run::create(*workspace, {.name = "old"}))->finish(RunStatus::kCompleted));
  }
  files.restart(0, true);
  const auto workspace = Workspace::open(folder / "store", &files);
  ASSERT_TRUE(workspace) << workspace.error().message;
  EXPECT_TRUE((*workspace)->heartbeat());
  const auto list = list_runs(**workspace);
  ASSERT_TRUE(list);
  EXPECT_EQ(list->runs.size(), 1U);
  const auto run = Run::create(*workspace, {});
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, StatusCode::kIo);
  EXPECT_NE(run.error().message.find("cannot write to the workspace"), std::string::npos);
}

TEST(Workspace, CreationFailsCleanlyAtEveryStep) {
  const TestFolder folder;
  FailingFiles files;
  ASSERT_TRUE(Workspace::create(folder / "counted", "a", &files));
  const int64_t steps = files.count();
  ASSERT_GT(steps, 8);
  for (int64_t n = 0; n < steps; ++n) {
    const std::string path = folder / "store" + std::to_string(n);
    files.restart(n, true);
    const auto failed = Workspace::create(path, "a", &files);
    files.restart(-1, false);
    if (failed) continue;  // only cleaning was left
    EXPECT_EQ(failed.error().code, StatusCode::kIo);
    const auto made = Workspace::create(path, "a", &files);
    EXPECT_TRUE(made) << n << ": " << made.error().message;
  }
}

}  // namespace
}  // namespace assay::tracking
