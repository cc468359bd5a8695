// What is left when the owner of a worker is killed, whatever its worker and device model are at.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <thread>

#include "backends/xrt/run_folder.h"
#include "tests/backends/xrt/worker_fixture.h"

extern char** environ;

namespace assay::backends::xrt {
namespace {

namespace fs = std::filesystem;

// Until it holds, or for so long that something is wrong.
bool comes_true(const std::function<bool()>& holds) {
  for (int tries = 0; tries < 6000; ++tries) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

// At once, or when another process that found it first is done with it.
bool is_removed(const std::string& folder) {
  return comes_true([&] { return !fs::exists(folder); });
}

pid_t start_program(const std::string& program, std::vector<std::string> arguments,
                    const std::string& folder, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (!folder.empty()) posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  if (output >= 0) posix_spawn_file_actions_adddup2(&actions, output, 1);
  std::vector<char*> list;
  arguments.insert(arguments.begin(), program);
  for (std::string& argument : arguments) list.push_back(argument.data());
  list.push_back(nullptr);
  pid_t process = -1;
  const int failed =
      posix_spawnp(&process, program.c_str(), &actions, nullptr, list.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  EXPECT_EQ(failed, 0) << program;
  return process;
}

void reap(pid_t process) {
  while (waitpid(process, nullptr, 0) < 0 && errno == EINTR) continue;
}

// test_owner, with its worker.
class Owner {
 public:
  Owner() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
    const fs::path place = fs::read_symlink("/proc/self/exe").parent_path();
    process_ = start_program((place / "xrt_test_owner").string(), {}, "", ends[1]);
    close(ends[1]);
    FILE* lines = fdopen(ends[0], "r");
    std::array<char, 256> folder{};
    EXPECT_EQ(std::fscanf(lines, "owner %d %255s", &session_, folder.data()), 2);
    std::fclose(lines);
    folder_ = folder.data();
    EXPECT_TRUE(fs::exists(folder_));
    EXPECT_TRUE(comes_true([&] { return runs_a_kernel(); }));
  }
  ~Owner() {
    if (process_ > 0) end();
    for (const pid_t left : processes_of_session(session_)) kill(left, SIGKILL);
  }
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;

  // Sends a signal to the processes of the worker for which `chosen` holds: the guard, the worker
  // and the device model, by name.
  int signal(int number, const std::function<bool(const std::string&)>& chosen) const {
    int count = 0;
    for (const pid_t process : processes_of_session(session_)) {
      if (!chosen(role_of(process, session_))) continue;
      EXPECT_EQ(kill(process, number), 0);
      ++count;
    }
    return count;
  }
  void end() {
    kill(process_, SIGKILL);
    reap(std::exchange(process_, -1));
  }
  bool has_left_nothing() const {
    return processes_of_session(session_).empty() && !fs::exists(folder_);
  }
  const std::string& folder() const { return folder_; }

 private:
  bool runs_a_kernel() const {
    std::ifstream events(folder_ + "/events");
    for (std::string line; std::getline(events, line);) {
      if (line == "start never_end_1") return true;
    }
    return false;
  }

  pid_t process_ = -1;
  pid_t session_ = -1;
  std::string folder_;
};

TEST(Guard, NothingOutlivesAnOwnerThatIsKilled) {
  Owner running;
  Owner with_stopped_model;
  Owner with_stopped_worker;
  Owner with_both_stopped;
  EXPECT_EQ(with_stopped_model.signal(SIGSTOP, [](auto& role) { return role == "model"; }), 1);
  EXPECT_EQ(with_stopped_worker.signal(SIGSTOP, [](auto& role) { return role == "worker"; }), 1);
  EXPECT_EQ(with_both_stopped.signal(SIGSTOP, [](auto& role) { return role != "guard"; }), 2);
  Owner* owners[] = {&running, &with_stopped_model, &with_stopped_worker, &with_both_stopped};
  for (Owner* owner : owners) owner->end();
  for (size_t i = 0; i < std::size(owners); ++i) {
    EXPECT_TRUE(comes_true([&] { return owners[i]->has_left_nothing(); })) << i;
  }
}

TEST(Guard, TheSystemEndsWhatLosesItsGuard) {
  Owner owner;
  EXPECT_EQ(owner.signal(SIGSTOP, [](auto& role) { return role != "guard"; }), 2);
  EXPECT_EQ(owner.signal(SIGKILL, [](auto& role) { return role == "guard"; }), 1);
  // Its owner is there, and removes the folder.
  EXPECT_TRUE(comes_true([&] { return owner.has_left_nothing(); }));
}

TEST(Guard, WhatCannotEndItselfIsRemovedByTheNext) {
  Owner owner;
  EXPECT_EQ(owner.signal(SIGSTOP, [](auto&) { return true; }), 3);
  owner.end();
  const auto next = RunFolder::make();
  ASSERT_TRUE(next.has_value()) << next.error().message;
  EXPECT_TRUE(is_removed(owner.folder()));
  EXPECT_TRUE(comes_true([&] { return owner.has_left_nothing(); }));
}

// Folders in /tmp as dead and living owners have them.
std::string make_folder() {
  std::string path = std::string("/tmp/") + kRunFolderPrefix + "XXXXXX";
  EXPECT_NE(mkdtemp(path.data()), nullptr);
  return path;
}

// The owner's file of a folder, locked before anybody can find it. The folder's owner is dead once
// it is closed, and may then be removed by this test's next folder or that of another process.
int make_owner_file(const std::string& folder) {
  const std::string made = folder + "/made";
  const int file = open(made.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  EXPECT_EQ(flock(file, LOCK_EX | LOCK_NB), 0);
  fs::rename(made, folder + "/owner");
  return file;
}

TEST(RunFolder, StaleOnesAreRemovedWithWhatRunsInThem) {
  const std::string stale = make_folder();
  const int owner = make_owner_file(stale);
  std::ofstream(stale + "/more") << "text";
  const pid_t process = start_program("sleep", {"1000"}, stale, -1);
  close(owner);
  const auto made = RunFolder::make();
  ASSERT_TRUE(made.has_value()) << made.error().message;
  EXPECT_TRUE(is_removed(stale));
  EXPECT_TRUE(comes_true([&] { return waitpid(process, nullptr, WNOHANG) == process; }));
  EXPECT_TRUE(fs::exists(made->path() + "/owner"));
}

TEST(RunFolder, ThoseOfTheLivingAreLeft) {
  const auto first = RunFolder::make();
  ASSERT_TRUE(first.has_value()) << first.error().message;
  const std::string young = make_folder();  // being made
  const auto second = RunFolder::make();
  ASSERT_TRUE(second.has_value());
  EXPECT_TRUE(fs::exists(first->path()));
  EXPECT_TRUE(fs::exists(young));
  EXPECT_NE(first->path(), second->path());
  fs::remove(young);
}

TEST(RunFolder, OldOnesWithoutAnOwnerAreRemoved) {
  const std::string old = make_folder();
  const timespec times[2] = {{1000, 0}, {1000, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, old.c_str(), times, 0), 0);
  ASSERT_TRUE(RunFolder::make().has_value());
  EXPECT_TRUE(is_removed(old));
}

TEST(RunFolder, IsRemovedWithItsObject) {
  std::string path;
  {
    auto made = RunFolder::make();
    ASSERT_TRUE(made.has_value());
    const RunFolder moved = std::move(*made);
    path = moved.path();
    EXPECT_TRUE(fs::exists(path));
  }
  EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace assay::backends::xrt
