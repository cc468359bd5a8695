#include "tests/tracking/crash/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>

extern char** environ;

namespace assay::tracking {

ChildProcess::ChildProcess(const std::vector<std::string>& words) {
  std::array<int, 2> ends{};
  // Children that are started at the same time must not hold each other's pipes open.
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::vector<std::string> arguments = {std::filesystem::read_symlink("/proc/self/exe").string(),
                                        "--child"};
  arguments.insert(arguments.end(), words.begin(), words.end());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  if (::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) pid_ = -1;
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  out_ = ::fdopen(ends[0], "r");
}

ChildProcess::~ChildProcess() {
  if (!ended_ && pid_ > 0) {
    ::kill(pid_, SIGKILL);
    (void)wait();
  }
  if (out_ != nullptr) std::fclose(out_);
}

std::string ChildProcess::line() {
  std::string text;
  for (int c = std::fgetc(out_); c != EOF && c != '\n'; c = std::fgetc(out_)) {
    text += static_cast<char>(c);
  }
  return text;
}

void ChildProcess::send(int signal) {
  if (!ended_ && pid_ > 0) ::kill(pid_, signal);
}

void ChildProcess::note(int status) {
  ended_ = WIFEXITED(status) || WIFSIGNALED(status);
  if (ended_) result_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool ChildProcess::await_stop() {
  int status = 0;
  if (ended_ || ::waitpid(pid_, &status, WUNTRACED) != pid_) return false;
  note(status);
  return WIFSTOPPED(status);
}

int ChildProcess::wait() {
  int status = 0;
  while (!ended_ && pid_ > 0 && ::waitpid(pid_, &status, 0) == pid_) note(status);
  return pid_ > 0 ? result_ : -1;
}

}  // namespace assay::tracking
