// A child of the test's own program, started by posix_spawn with `--child` and words, whose
// standard output is read line by line. Killed, and collected, when destroyed. Not thread-safe.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <string>
#include <vector>

namespace assay::tracking {

class ChildProcess {
 public:
  explicit ChildProcess(const std::vector<std::string>& words);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // The next line without its end; empty when the child has closed its output. A last line that was
  // cut is given as it is.
  std::string line();
  void send(int signal);
  // Waits until the child has stopped or ended. True if it has stopped.
  bool await_stop();
  // Waits for its end: the exit status, or 128 + the signal that killed it.
  int wait();
  pid_t pid() const { return pid_; }

 private:
  void note(int status);

  pid_t pid_ = -1;
  std::FILE* out_ = nullptr;
  bool ended_ = false;
  int result_ = 0;
};

}  // namespace assay::tracking
