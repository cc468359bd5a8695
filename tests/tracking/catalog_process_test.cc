// Several processes publish into one workspace while another lists: this program starts itself as a
// child with posix_spawn (`--child <workspace> <runs>`).
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>

#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/tracking/test_folder.h"
#include "tracking/catalog.h"
#include "tracking/catalog_journal_internal.h"
#include "tracking/run.h"

extern char** environ;

namespace assay::tracking {
namespace {

constexpr int kProcesses = 4;
constexpr int kRunsEach = 60;
// Parameters so long that the journal is folded into the catalog several times meanwhile.
constexpr int kParameters = 20;
constexpr size_t kParameterBytes = 1000;

int publish_runs(const std::string& path, int count) {
  const auto workspace = Workspace::open(path);
  if (!workspace) return 1;
  for (int i = 0; i < count; ++i) {
    auto run = Run::create(*workspace, {.kind = "trial"});
    if (!run) return 2;
    for (int k = 0; k < kParameters; ++k) {
      const std::string text(kParameterBytes, static_cast<char>('a' + k));
      if (!(*run)->log_param("p" + std::to_string(k), text)) return 3;
    }
    if (!(*run)->log_param("number", i)) return 3;
    if (i % 3 == 0 && !(*run)->checkpoint()) return 4;
    if (!(*run)->finish(RunStatus::kCompleted)) return 5;
  }
  return 0;
}

pid_t start_child(const std::string& workspace) {
  std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  std::string arguments[] = {program, "--child", workspace, std::to_string(kRunsEach)};
  char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(),
                  arguments[3].data(), nullptr};
  pid_t pid = -1;
  EXPECT_EQ(::posix_spawn(&pid, program.c_str(), nullptr, nullptr, argv, environ), 0);
  return pid;
}

TEST(CatalogProcesses, ManyWritersAndAReaderLoseNothing) {
  const TestFolder folder;
  const auto workspace = *Workspace::create(folder / "store", "a");
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) children.push_back(start_child(workspace->path()));

  Catalog warm(*workspace);
  const RunField number{FieldGroup::kParam, "number"};
  int64_t before = 0;
  size_t running = children.size();
  while (running > 0) {
    for (pid_t& child : children) {
      int status = 0;
      if (child <= 0 || ::waitpid(child, &status, WNOHANG) != child) continue;
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
      child = 0;
      --running;
    }
    for (Catalog* catalog : {&warm, static_cast<Catalog*>(nullptr)}) {
      Catalog cold(*workspace);
      const auto page = (catalog != nullptr ? *catalog : cold).search({}, {&number, 1});
      ASSERT_TRUE(page) << page.error().message;
      EXPECT_TRUE(page->damaged.empty()) << page->damaged[0];
      EXPECT_GE(page->total, before) << "what was seen stays";
      before = page->total;
      for (const RunRow& row : page->rows) {
        if (row.info.finished) {
          EXPECT_TRUE(row.values[0].has_value());
        }
      }
    }
  }
  for (Catalog* catalog : {&warm, static_cast<Catalog*>(nullptr)}) {
    Catalog cold(*workspace);
    const auto page = (catalog != nullptr ? *catalog : cold).search({});
    ASSERT_TRUE(page);
    EXPECT_EQ(page->total, kProcesses * kRunsEach);
    for (const RunRow& row : page->rows) EXPECT_EQ(row.info.status, RunStatus::kCompleted);
  }
  EXPECT_TRUE(std::filesystem::exists(workspace->path() + "/catalog.h5")) << "it was folded";
  // Appends of one write each: no frame tore another.
  const auto journal = parse_journal(slurp(workspace->path() + "/catalog.wal"), true);
  ASSERT_TRUE(journal);
  EXPECT_FALSE(journal->damaged);
  const auto check = Catalog(*workspace).check();
  ASSERT_TRUE(check);
  EXPECT_TRUE(check->problems.empty()) << check->problems[0];
}

TEST(CatalogThreads, WritersAndReadersOfOneProcessLoseNothing) {
  const TestFolder folder;
  const auto workspace = *Workspace::create(folder / "store", "a");
  Catalog shared(*workspace);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] { EXPECT_EQ(publish_runs(workspace->path(), 15), 0); });
    threads.emplace_back([&] {
      for (int i = 0; i < 15; ++i) EXPECT_TRUE(shared.search({}));
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto page = shared.search({});
  ASSERT_TRUE(page);
  EXPECT_EQ(page->total, 60);
}

}  // namespace
}  // namespace assay::tracking

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "--child") {
    return assay::tracking::publish_runs(argv[2], std::stoi(argv[3]));
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
