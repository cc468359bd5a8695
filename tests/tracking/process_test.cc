// Several processes on one workspace: this program starts itself as a child with posix_spawn
// (`--child <work> <workspace> <tag>`), kills some of them, and looks at what they left.
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>

#include "tests/tracking/test_folder.h"
#include "tracking/blob_store.h"
#include "tracking/model_registry.h"
#include "tracking/run.h"
#include "tracking/run_file.h"
#include "tracking/run_query.h"
#include "tracking/run_tags.h"

extern char** environ;

namespace assay::tracking {
namespace {

constexpr unsigned kSeed = 20240608;
constexpr int kVersionsEach = 25;
constexpr int kTagsEach = 8;

// Publishes runs, artifacts, models for ever; acknowledges each finished run on stdout.
int work_until_killed(const std::shared_ptr<Workspace>& workspace, const std::string& tag) {
  ModelRegistry registry(workspace);
  for (int i = 0;; ++i) {
    auto run = Run::create(workspace, {.kind = "trial", .experiment = "crash"});
    if (!run) return 1;
    const std::string text = tag + " artifact " + std::to_string(i);
    const auto bytes = std::as_bytes(std::span(text));
    bool ok = true;
    for (int step = 0; step < 200; ++step) ok = ok && (*run)->log_metric("loss", step, step);
    ok = ok && (i % 2 == 0 ? (*run)->checkpoint() : (*run)->durable());
    ok = ok && (*run)->log_artifact("note.txt", bytes, "text/plain");
    const auto model = registry.register_model({.name = "crash", .run_id = (*run)->id()}, bytes);
    ok = ok && model;
    ok = ok && registry.edit("crash", model->version,
                             {.set_tags = {{"run", (*run)->id()}}, .set_aliases = {"last"}});
    const auto mode = i % 3 == 0 ? FinishMode::kDeferred : FinishMode::kPublish;
    ok = ok && (*run)->finish(RunStatus::kCompleted, "", mode);
    ok = ok && (*run)->durable();
    if (!ok) return 2;
    std::printf("%s\n", (*run)->id().c_str());
    std::fflush(stdout);
  }
}

int register_versions(const std::shared_ptr<Workspace>& workspace, const std::string& tag) {
  ModelRegistry registry(workspace);
  for (int i = 0; i < kVersionsEach; ++i) {
    const std::string text = tag + std::to_string(i);
    const auto model = registry.register_model({.name = "shared"}, std::as_bytes(std::span(text)));
    if (!model) return 1;
    // Every fifth is deleted again: its number must not come back.
    if (i % 5 == 0 && !registry.delete_version("shared", model->version)) return 2;
    std::printf("%ld\n", static_cast<long>(model->version));
  }
  return 0;
}

// Checkpoints once, then waits to be killed.
int hold_a_run(const std::shared_ptr<Workspace>& workspace) {
  auto run = Run::create(workspace, {.name = "held"});
  if (!run || !(*run)->checkpoint()) return 1;
  std::printf("%s\n", (*run)->id().c_str());
  std::fflush(stdout);
  ::pause();
  return 0;
}

// Logs points for ever and acknowledges the number that is durable.
int log_until_killed(const std::shared_ptr<Workspace>& workspace) {
  auto run = Run::create(workspace, {.name = "logged"});
  if (!run) return 1;
  auto metric = (*run)->metric("loss");
  if (!metric) return 1;
  for (int64_t count = 0;;) {
    for (int i = 0; i < 997; ++i, ++count) {
      if (!metric->log(static_cast<double>(count), count)) return 2;
    }
    if (!(*run)->durable()) return 2;
    std::printf("%ld\n", static_cast<long>(count));
    std::fflush(stdout);
  }
}

// Takes over and recovers what dead writers left.
int recover_once(const std::shared_ptr<Workspace>& workspace) {
  return workspace->recover() && workspace->close() ? 0 : 1;
}

// Gives the run whose id is behind the colon tags of its own, and finds all of them there at the
// end.
int tag_a_run(const std::shared_ptr<Workspace>& workspace, const std::string& tag) {
  const size_t colon = tag.find(':');
  const std::string id = tag.substr(colon + 1);
  for (int i = 0; i < kTagsEach; ++i) {
    TagEdit edit;
    edit.set[fmt::format("{}{}", tag.substr(0, colon), i)] = i;
    if (!tag_run(*workspace, id, edit)) return 1;
  }
  return 0;
}

// A child of this program and what it prints.
class Child {
 public:
  Child(const std::string& work, const std::string& workspace, const std::string& tag) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
    std::string arguments[] = {program, "--child", work, workspace, tag};
    char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(),
                    arguments[3].data(), arguments[4].data(), nullptr};
    EXPECT_EQ(::posix_spawn(&pid_, program.c_str(), &actions, nullptr, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    out_ = ::fdopen(ends[0], "r");
  }
  ~Child() {
    ::kill(pid_, SIGKILL);
    wait();
    std::fclose(out_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // The next line, or empty at the end of its output.
  std::string line() {
    char text[256];
    if (std::fgets(text, sizeof text, out_) == nullptr) return {};
    std::string result = text;
    if (!result.empty() && result.back() == '\n') result.pop_back();
    return result;
  }
  void kill() { ::kill(pid_, SIGKILL); }
  void await_death() {
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }
  int wait() {
    int status = 0;
    if (!waited_) ::waitpid(pid_, &status, 0);
    waited_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  }

 private:
  pid_t pid_ = -1;
  std::FILE* out_ = nullptr;
  bool waited_ = false;
};

// Every run, blob and model that can be seen is whole.
void expect_whole(const std::shared_ptr<Workspace>& workspace,
                  const std::set<std::string>& acknowledged) {
  const auto list = list_runs(*workspace);
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_TRUE(list->damaged.empty()) << list->damaged[0];
  std::set<std::string> completed;
  BlobStore blobs(*workspace);
  for (const RunInfo& info : list->runs) {
    EXPECT_NE(info.status, RunStatus::kRunning) << "its writer is dead";
    const auto record = load_run(*workspace, info.run_id);
    ASSERT_TRUE(record) << record.error().message;
    const auto loss = record->metrics.find("loss");
    const size_t points = loss == record->metrics.end() ? 0 : loss->second.size();
    for (size_t i = 0; i < points; ++i) EXPECT_EQ(loss->second[i].step, static_cast<int64_t>(i));
    EXPECT_LE(points, 200U);
    if (info.status == RunStatus::kCompleted) {
      EXPECT_EQ(points, 200U);
      completed.insert(info.run_id);
    }
    for (const Artifact& artifact : record->artifacts) EXPECT_TRUE(blobs.verify(artifact.sha256));
  }
  for (const std::string& id : acknowledged) EXPECT_TRUE(completed.contains(id)) << id;
  ModelRegistry registry(workspace);
  const auto models = registry.list_models();
  ASSERT_TRUE(models) << models.error().message;
  if (models->empty()) return;
  const auto versions = registry.list_versions("crash");
  ASSERT_TRUE(versions) << versions.error().message;
  std::set<std::string> tagged;
  for (const ModelVersion& version : *versions) {
    EXPECT_TRUE(blobs.verify(version.sha256));
    const auto run = version.tags.find("run");
    if (run != version.tags.end()) tagged.insert(run->second);
  }
  for (const std::string& id : acknowledged) EXPECT_TRUE(tagged.contains(id)) << id;
  EXPECT_TRUE(registry.resolve("crash@last")) << "an alias of a version that is there";
  const auto events = registry.history("crash");
  ASSERT_TRUE(events) << events.error().message;
  EXPECT_GE(events->size(), versions->size() + acknowledged.size());
}

TEST(Processes, KilledAtAnyInstantLeaveOnlyWholeFiles) {
  const TestFolder folder;
  ASSERT_TRUE(Workspace::create(folder / "store", "a"));
  std::mt19937 random(kSeed);
  std::set<std::string> acknowledged;
  for (int round = 0; round < 12; ++round) {
    Child first("work", folder / "store", "a" + std::to_string(round));
    Child second("work", folder / "store", "b" + std::to_string(round));
    // Some acknowledged work, then death after a random number of microseconds.
    const std::string id = first.line();
    ASSERT_EQ(id.size(), 26U) << "the child failed";
    acknowledged.insert(id);
    acknowledged.insert(second.line());
    ::usleep(random() % 30'000);
    first.kill();
    second.kill();
    for (std::string more = first.line(); more.size() == 26; more = first.line()) {
      acknowledged.insert(more);
    }
    for (std::string more = second.line(); more.size() == 26; more = second.line()) {
      acknowledged.insert(more);
    }
    first.wait();
    second.wait();
    const auto workspace = Workspace::open(folder / "store");
    ASSERT_TRUE(workspace);
    expect_whole(*workspace, acknowledged);
    // The next writer recovers what the dead ones left, and nothing changes for readers.
    ASSERT_TRUE((*workspace)->recover());
    EXPECT_EQ((*workspace)->files().list(folder / "store/writers")->size(), 1U);
    expect_whole(*workspace, acknowledged);
  }
  EXPECT_GE(acknowledged.size(), 12U);
}

TEST(Processes, NoAcknowledgedPointIsLost) {
  const TestFolder folder;
  ASSERT_TRUE(Workspace::create(folder / "store", "a"));
  std::mt19937 random(kSeed);
  Child child("log", folder / "store", "");
  long acknowledged = std::atol(child.line().c_str());
  ASSERT_GT(acknowledged, 0) << "the child failed";
  ::usleep(random() % 100'000);
  child.kill();
  for (std::string line = child.line(); !line.empty(); line = child.line()) {
    acknowledged = std::atol(line.c_str());
  }
  child.wait();
  const auto workspace = Workspace::open(folder / "store");
  const auto before = load_run(**workspace, "logged");
  ASSERT_TRUE(before) << before.error().message;
  EXPECT_EQ(before->info.status, RunStatus::kInterrupted);
  const auto& points = before->metrics.at("loss");
  ASSERT_GE(points.size(), static_cast<size_t>(acknowledged));
  for (size_t i = 0; i < points.size(); ++i) ASSERT_EQ(points[i].value, static_cast<double>(i));
  {
    // Several recover at once: one takes the folder, nothing is done twice.
    Child first("recover", folder / "store", "");
    Child second("recover", folder / "store", "");
    Child third("recover", folder / "store", "");
    for (Child* recoverer : {&first, &second, &third}) EXPECT_EQ(recoverer->wait(), 0);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder / "store/writers"));
  const auto after = read_run(run_file_of(**workspace, before->info.run_id));
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(after->info.status, RunStatus::kInterrupted);
  EXPECT_EQ(after->metrics.at("loss").size(), points.size());
}

TEST(Processes, RecoveryCanBeKilledToo) {
  const TestFolder folder;
  const auto workspace = Workspace::create(folder / "store", "a");
  std::mt19937 random(kSeed);
  std::set<std::string> acknowledged;
  Child child("work", folder / "store", "x");
  for (int i = 0; i < 40; ++i) acknowledged.insert(child.line());
  child.kill();
  child.wait();
  for (int round = 0; round < 10; ++round) {
    Child recoverer("recover", folder / "store", "");
    ::usleep(random() % 15'000);
    recoverer.kill();
    recoverer.wait();
    expect_whole(*workspace, acknowledged);
  }
  ASSERT_TRUE((*workspace)->recover());
  expect_whole(*workspace, acknowledged);
  // (A recoverer that was killed before its lease was written may have left an empty folder.)
  std::filesystem::recursive_directory_iterator it(folder / "store/writers");
  for (const auto& entry : it) EXPECT_NE(entry.path().extension(), ".wal") << entry.path();
}

TEST(Processes, TaggingARunAtOnceKeepAllTags) {
  const TestFolder folder;
  const auto workspace = Workspace::create(folder / "store", "a");
  ASSERT_TRUE(workspace);
  auto run = Run::create(*workspace, {});
  ASSERT_TRUE(run && (*run)->finish(RunStatus::kCompleted));
  const std::string id = (*run)->id();
  constexpr int kProcesses = 3;
  std::vector<std::unique_ptr<Child>> children;
  for (int i = 0; i < kProcesses; ++i) {
    children.push_back(
        std::make_unique<Child>("tag", folder / "store", fmt::format("p{}x:{}", i, id)));
  }
  for (const auto& child : children) EXPECT_EQ(child->wait(), 0);
  const auto record = load_run(**workspace, id);
  ASSERT_TRUE(record) << record.error().message;
  for (int i = 0; i < kProcesses; ++i) {
    for (int k = 0; k < kTagsEach; ++k) {
      EXPECT_TRUE(record->tags.contains(fmt::format("p{}x{}", i, k))) << i << " " << k;
    }
  }
}

TEST(Processes, RegisteringAtOnceTakeDifferentVersions) {
  const TestFolder folder;
  const auto workspace = Workspace::create(folder / "store", "a");
  ASSERT_TRUE(workspace);
  std::multiset<std::string> taken;
  {
    Child first("register", folder / "store", "a");
    Child second("register", folder / "store", "b");
    Child third("register", folder / "store", "c");
    for (Child* child : {&first, &second, &third}) {
      for (std::string line = child->line(); !line.empty(); line = child->line()) {
        taken.insert(line);
      }
      EXPECT_EQ(child->wait(), 0);
    }
  }
  EXPECT_EQ(taken.size(), 3U * kVersionsEach);
  EXPECT_EQ(std::set<std::string>(taken.begin(), taken.end()).size(), taken.size());
  ModelRegistry registry(*workspace);
  EXPECT_EQ(registry.list_deleted("shared")->size(), 3U * kVersionsEach / 5);
  EXPECT_EQ(registry.list_versions("shared")->size(), 3U * kVersionsEach * 4 / 5);
  const auto next = registry.register_model({.name = "shared"}, {});
  EXPECT_EQ(next->version, 3 * kVersionsEach + 1);
}

TEST(Processes, ARunningRunIsInterruptedOnceItsProcessDies) {
  const TestFolder folder;
  const auto workspace = Workspace::create(folder / "store", "a");
  ASSERT_TRUE(workspace);
  Child child("hold", folder / "store", "");
  const std::string id = child.line();
  ASSERT_EQ(id.size(), 26U);
  EXPECT_EQ(find_run(**workspace, id)->status, RunStatus::kRunning);
  ASSERT_TRUE((*workspace)->writer());
  EXPECT_EQ((*workspace)->files().list(folder / "store/writers")->size(), 2U)
      << "alive: left alone";
  child.kill();
  child.await_death();  // nobody has collected it yet
  EXPECT_EQ(find_run(**workspace, id)->status, RunStatus::kInterrupted);
  child.wait();
  EXPECT_EQ(find_run(**workspace, id)->status, RunStatus::kInterrupted);
}

}  // namespace

int child_main(const std::string& work, const std::string& path, const std::string& tag) {
  const auto workspace = Workspace::open(path);
  if (!workspace) return 3;
  if (work == "work") return work_until_killed(*workspace, tag);
  if (work == "register") return register_versions(*workspace, tag);
  if (work == "log") return log_until_killed(*workspace);
  if (work == "recover") return recover_once(*workspace);
  if (work == "tag") return tag_a_run(*workspace, tag);
  return hold_a_run(*workspace);
}

}  // namespace assay::tracking

int main(int argc, char** argv) {
  if (argc == 5 && std::string(argv[1]) == "--child") {
    return assay::tracking::child_main(argv[2], argv[3], argv[4]);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
